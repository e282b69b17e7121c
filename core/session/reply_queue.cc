#include "core/session/reply_queue.h"

#include <algorithm>

namespace pgweir::session {

using wire::BackendType;

void ReplyQueue::push(Owed owed) {
  if (copy_ == Copy::open) {
    // The server reads COPY data: Sync is ignored, CopyDone and CopyFail end it.
    if (owed.request == Request::copy_end) {
      copy_ = Copy::ended;
      return;
    }
    if (owed.request == Request::sync) {
      // Whether it is read before or after a failure of the COPY decides if it is answered.
      doubtful_ = true;
      return;
    }
  }
  if (owed.request == Request::copy_end && empty()) return;
  if (skipping_) {
    if (owed.request != Request::sync) return;
    skipping_ = false;
  }
  if (owed.request != Request::copy_end) batch_open_ = !ends_ready(owed.request);
  owed_.push_back(owed);
}

ReplyQueue::Match ReplyQueue::match(BackendType reply) {
  drop_copy_marks();
  if (empty()) return {false, Fate::forward, Refusal::none};
  const Owed before = head();
  if (!accepts(reply)) return {false, before.fate, before.refusal};
  return {true, before.fate, before.refusal};
}

// Moves on when the head's answer is complete.
bool ReplyQueue::accepts(BackendType reply) {
  Owed& owed = head();
  const bool statement = owed.request == Request::query || owed.request == Request::execute;
  switch (reply) {
    case BackendType::data_row: return statement;
    case BackendType::row_description:
      if (owed.request == Request::query) return true;
      if (owed.request == Request::describe_portal ||
          (owed.request == Request::describe_statement && owed.begun)) {
        pop();
        return true;
      }
      return false;
    case BackendType::no_data:
      if (owed.request == Request::describe_portal ||
          (owed.request == Request::describe_statement && owed.begun)) {
        pop();
        return true;
      }
      return false;
    case BackendType::parameter_description:
      if (owed.request != Request::describe_statement || owed.begun) return false;
      owed.begun = true;
      return true;
    case BackendType::command_complete:
    case BackendType::empty_query_response:
      if (!statement) return false;
      if (copy_ == Copy::open) return false;
      copy_ = Copy::none;
      doubtful_ = false;
      if (owed.request == Request::execute) pop();
      return true;
    case BackendType::portal_suspended:
      if (owed.request != Request::execute) return false;
      pop();
      return true;
    case BackendType::parse_complete:
      if (owed.request != Request::parse) return false;
      pop();
      return true;
    case BackendType::bind_complete:
      if (owed.request != Request::bind) return false;
      pop();
      return true;
    case BackendType::close_complete:
      if (owed.request != Request::close) return false;
      pop();
      return true;
    case BackendType::function_call_response: return owed.request == Request::function_call;
    case BackendType::copy_in_response:
      if (!statement) return false;
      copy_begins();
      return true;
    case BackendType::copy_out_response:
    case BackendType::copy_data:
    case BackendType::copy_done: return statement;
    case BackendType::error_response:
      if (doubtful_) return false;
      fail();
      return true;
    case BackendType::ready_for_query:
      if (!ends_ready(owed.request) || copy_ == Copy::open) return false;
      copy_ = Copy::none;
      pop();
      return true;
    case BackendType::authentication:
    case BackendType::backend_key_data:
    case BackendType::copy_both_response:
    case BackendType::negotiate_protocol_version:
    case BackendType::notice_response:
    case BackendType::notification_response:
    case BackendType::parameter_status: return false;
  }
  return false;
}

// An error in the extended protocol: the server reads and discards messages until a Sync. In a
// simple query, a function call or a Sync only ReadyForQuery follows.
void ReplyQueue::fail() {
  copy_ = Copy::none;
  if (ends_ready(head().request)) return;
  while (!empty() && head().request != Request::sync) pop();
  skipping_ = empty();
}

// What was sent before the server began to read COPY data is read as such: Syncs are ignored up to
// the message that ends the data.
void ReplyQueue::copy_begins() {
  copy_ = Copy::open;
  for (std::size_t at = head_ + 1; at < owed_.size();) {
    const Request request = owed_[at].request;
    if (request == Request::sync || request == Request::copy_end) {
      owed_.erase(owed_.begin() + static_cast<std::ptrdiff_t>(at));
      batch_open_ = !ends_ready(owed_.back().request);
      if (request == Request::copy_end) {
        copy_ = Copy::ended;
        return;
      }
    } else {
      ++at;
    }
  }
}

void ReplyQueue::drop_copy_marks() {
  while (!empty() && head().request == Request::copy_end) pop();
}

void ReplyQueue::pop() {
  ++head_;
  while (head_ < owed_.size() && owed_[head_].request == Request::copy_end) ++head_;
  if (head_ == owed_.size()) {
    owed_.clear();
    head_ = 0;
  } else if (head_ >= 1024 && head_ * 2 >= owed_.size()) {
    owed_.erase(owed_.begin(), owed_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void ReplyQueue::swallow_all() {
  for (Owed& owed : owed_) owed.fate = Fate::swallow;
}

void ReplyQueue::add_to(Hash& hash) const {
  hash.add(size());
  for (std::size_t at = head_; at < owed_.size(); ++at) {
    hash.add(owed_[at].request);
    hash.add(owed_[at].fate);
    hash.add(owed_[at].begun);
  }
  hash.add(batch_open_);
  hash.add(skipping_);
  hash.add(copy_);
  hash.add(doubtful_);
}

}  // namespace pgweir::session
