#include "core/session/unanswered_batch.h"

#include "core/base/limits.h"

namespace pgweir::session {

using wire::FrontendType;

namespace {

bool of_batch(FrontendType type) {
  return type == FrontendType::parse || type == FrontendType::bind ||
         type == FrontendType::describe || type == FrontendType::execute ||
         type == FrontendType::close || type == FrontendType::flush || type == FrontendType::sync;
}

}  // namespace

void UnansweredBatch::says(FrontendType type, Bytes beginning, bool begins) {
  if (state_ == State::again) return;
  if (state_ == State::none && begins) state_ = State::open;
  if (state_ != State::open || !of_batch(type)) return answered();
  keep(beginning);
  if (type == FrontendType::sync && state_ == State::open) state_ = State::whole;
}

void UnansweredBatch::keep(Bytes bytes) {
  if (bytes_.size() + bytes.size() > limits::unanswered_batch_size_max) return drop();
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void UnansweredBatch::drop() {
  state_ = State::none;
  bytes_ = {};
}

}  // namespace pgweir::session
