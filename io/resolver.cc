#include "io/resolver.h"

#include <netdb.h>

#include <memory>
#include <string>
#include <vector>

#include "io/sockets.h"

namespace pgweir::io {

struct Resolver::Request {
  uv_getaddrinfo_t uv;
  Teller* teller;
  Ticket ticket;
  std::uint16_t port;
};

void Resolver::resolve(Ticket ticket, std::string_view host, std::uint16_t port) {
  if (host.empty() || host.size() > name_size_max) {
    return teller_.owe(event::Resolved{ticket, {}, Reason::name_unknown});
  }
  auto request = std::make_unique<Request>();
  request->uv.data = request.get();
  request->teller = &teller_;
  request->ticket = ticket;
  request->port = port;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  const int status = uv_getaddrinfo(&loop_, &request->uv, on_addresses, std::string(host).c_str(),
                                    nullptr, &hints);
  if (status != 0) return teller_.owe(event::Resolved{ticket, {}, Reason::name_failed});
  request.release();  // on_addresses takes it back
}

void Resolver::on_addresses(uv_getaddrinfo_t* uv, int status, addrinfo* addresses) {
  const std::unique_ptr<Request> request(static_cast<Request*>(uv->data));
  std::vector<Endpoint> found;
  for (const addrinfo* each = addresses; each != nullptr; each = each->ai_next) {
    const bool known = each->ai_family == AF_INET || each->ai_family == AF_INET6;
    if (!known || found.size() == addresses_max) continue;
    found.push_back(endpoint_of(*each->ai_addr));
    found.back().port = request->port;
  }
  uv_freeaddrinfo(addresses);
  Reason why = Reason::none;
  if (found.empty()) {
    const bool no_such_name = status == UV_EAI_NONAME || status == UV_EAI_NODATA || status == 0;
    why = no_such_name ? Reason::name_unknown : Reason::name_failed;
  }
  request->teller->tell(event::Resolved{request->ticket, found, why});
}

}  // namespace pgweir::io
