#include "io/derivations.h"

#include <memory>
#include <utility>

namespace pgweir::io {

struct Derivations::Request {
  uv_work_t uv;
  Derivations* owner;
  Ticket ticket;
  Derivation derivation;
};

void Derivations::derive(const effect::Derive& wanted) {
  auto derivation = vault_.begin(wanted.credential, wanted.salt, wanted.iterations);
  if (!derivation) return teller_.owe(event::Derived{wanted.ticket, false});
  std::unique_ptr<Request> request(new Request{{}, this, wanted.ticket, std::move(*derivation)});
  request->uv.data = request.get();
  const int status = uv_queue_work(
      &loop_, &request->uv,
      [](uv_work_t* work) { static_cast<Request*>(work->data)->derivation.run(); },
      [](uv_work_t* work, int failure) {
        const std::unique_ptr<Request> done(static_cast<Request*>(work->data));
        const bool kept = failure == 0 && done->owner->vault_.finish(done->derivation);
        done->owner->teller_.tell(event::Derived{done->ticket, kept});
      });
  if (status != 0) return teller_.owe(event::Derived{wanted.ticket, false});
  request.release();  // the second callback takes it back
}

}  // namespace pgweir::io
