#include "core/session/reply_queue.h"

#include <algorithm>
#include <utility>

namespace pgweir::session {

using wire::BackendType;

void ReplyQueue::push(Owed owed) {
  const bool in_mode = copy_ != Copy::none || skipping_;
  if ((in_mode || owed.request == Request::copy_end) && owes_nothing(owed.request)) return;
  const bool ends = ends_ready(owed.request);
  if (owed.request != Request::copy_end) batch_open_ = !ends;
  if (owed.change.any()) ++changes_;
  unnamed_changes_ += owed.change.unnamed;
  unnamed_in_batch_ = ends ? 0 : unnamed_in_batch_ + owed.change.unnamed;
  if (ends && changes_ > 0) changes_sealed_ = true;
  owed_.push_back(owed);
}

// In a mode of the server's, or the mark of its end. Out of the way of what is asked all the time.
[[gnu::noinline]] bool ReplyQueue::owes_nothing(Request request) {
  if (copy_ == Copy::open) {
    // The server reads COPY data: Sync is ignored, CopyDone and CopyFail end it.
    if (request == Request::copy_end) {
      copy_ = Copy::ended;
      return true;
    }
    if (request == Request::sync) {
      // Whether it is read before or after a failure of the COPY decides if it is answered.
      ++copy_syncs_;
      return true;
    }
  }
  if (copy_ == Copy::both && request == Request::copy_end) {
    copy_ = Copy::both_ended;
    return true;
  }
  if (request == Request::copy_end && empty()) return true;
  if (skipping_) {
    if (request != Request::sync) return true;
    skipping_ = false;
  }
  return false;
}

std::optional<Owed> ReplyQueue::take_made_up() {
  if (!makes_up()) return std::nullopt;
  const Owed owed = head();
  pop();
  return owed;
}

// The head's answer is complete, and what it changes is made.
void ReplyQueue::answered(Match& match) {
  const Owed& owed = head();
  match.change = owed.change;
  match.deallocates =
      owed.change.any() && (owed.request == Request::query || owed.request == Request::execute);
  pop();
}

// Moves on when the head's answer is complete.
inline bool ReplyQueue::accepts(BackendType reply, Match& match) {
  Owed& owed = head();
  const bool statement = owed.request == Request::query || owed.request == Request::execute;
  switch (reply) {
    case BackendType::data_row: return statement && copy_ != Copy::both;
    case BackendType::row_description:
      if (owed.request == Request::query) return copy_ != Copy::both;
      if (owed.request == Request::describe_portal ||
          (owed.request == Request::describe_statement && owed.begun)) {
        answered(match);
        return true;
      }
      return false;
    case BackendType::no_data:
      if (owed.request == Request::describe_portal ||
          (owed.request == Request::describe_statement && owed.begun)) {
        answered(match);
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
      if (copy_ != Copy::none) {
        if (copy_ == Copy::open) return false;
        // One that shuts down ends its stream by this alone.
        stream_over_ = stream_over_ || streaming();
        copy_ = Copy::none;
        copy_syncs_ = 0;  // the COPY was read to its end
      }
      owed.begun = true;
      if (owed.request == Request::execute) answered(match);
      return true;
    case BackendType::portal_suspended:
      if (owed.request != Request::execute) return false;
      answered(match);
      return true;
    case BackendType::parse_complete:
      if (owed.request != Request::parse && owed.request != Request::prepare) return false;
      answered(match);
      return true;
    case BackendType::bind_complete:
      if (owed.request != Request::bind) return false;
      answered(match);
      return true;
    case BackendType::close_complete:
      if (owed.request != Request::close) return false;
      answered(match);
      return true;
    case BackendType::function_call_response:
      if (owed.request != Request::function_call) return false;
      owed.begun = true;
      return true;
    case BackendType::copy_in_response:
      if (!statement || streaming()) return false;
      copy_begins();
      return true;
    case BackendType::copy_both_response:
      if (owed.request != Request::query || streaming()) return false;
      streaming_begins();
      return true;
    case BackendType::copy_out_response: return statement && !streaming();
    case BackendType::copy_data:
    case BackendType::copy_done: return statement;
    case BackendType::error_response: fail(match); return true;
    case BackendType::ready_for_query:
      if (!ends_ready(owed.request) || copy_ == Copy::open || streaming()) return false;
      if (owed.request != Request::sync && !owed.begun) return false;
      copy_ = Copy::none;
      answered(match);
      return true;
    case BackendType::authentication:
    case BackendType::backend_key_data:
    case BackendType::negotiate_protocol_version:
    case BackendType::notice_response:
    case BackendType::notification_response:
    case BackendType::parameter_status: return false;
  }
  return false;
}

ReplyQueue::Match ReplyQueue::match(BackendType reply) {
  Match match;
  if (!empty()) {
    const Owed& owed = head();
    match.matched = true;
    match.fate = owed.fate;
    match.refusal = owed.refusal;
    match.statement = owed.statement;
    if (accepts(reply, match)) return match;
  }
  match = {.matched = reply == BackendType::ready_for_query && take_extra_ready()};
  return match;
}

// An error in the extended protocol: the server reads and discards messages until a Sync. In a
// simple query, a function call or a Sync only ReadyForQuery follows.
void ReplyQueue::fail(Match& match) {
  stream_over_ = stream_over_ || streaming();
  copy_ = Copy::none;
  extra_ready_ += copy_syncs_;
  copy_syncs_ = 0;
  head().begun = true;
  if (ends_ready(head().request)) {
    match.refusals_lost = head().fate == Fate::replace;
    Change& change = head().change;
    match.changes_lost = match.deallocating_lost = change.any();
    if (change.any() && --changes_ == 0) changes_sealed_ = false;
    change = {.unnamed = change.unnamed};
    return;
  }
  match.unnamed_failed = head().changes_unnamed() && head().request != Request::close;
  for (; !empty() && head().request != Request::sync; pop()) {
    const Owed& owed = head();
    match.parse_lost |= owed.request == Request::parse;
    match.unnamed_lost += owed.changes_unnamed();
    match.changes_lost |= owed.change.any();
    match.deallocating_lost |= owed.request == Request::execute && owed.change.any();
    match.refusals_lost += owed.fate == Fate::replace;
  }
  skipping_ = empty();
  const auto parses = [](const Owed& owed) { return owed.request == Request::parse; };
  const auto rest = owed_.begin() + static_cast<std::ptrdiff_t>(head_);
  match.parse_lost = match.parse_lost && std::none_of(rest, owed_.end(), parses);
}

// Nothing owed explains this ReadyForQuery, but a Sync of a COPY that failed would.
bool ReplyQueue::take_extra_ready() {
  if (extra_ready_ == 0) return false;
  --extra_ready_;
  if (empty()) {
    skipping_ = false;
    batch_open_ = false;
  }
  return true;
}

// What was sent before the server began to read COPY data is read as such: Syncs are ignored up to
// the message that ends the data.
void ReplyQueue::copy_begins() {
  copy_ = Copy::open;
  const auto first = owed_.begin() + static_cast<std::ptrdiff_t>(head_) + 1;
  const auto mark = std::find_if(
      first, owed_.end(), [](const Owed& owed) { return owed.request == Request::copy_end; });
  const auto kept =
      std::remove_if(first, mark, [](const Owed& owed) { return owed.request == Request::sync; });
  copy_syncs_ += static_cast<std::uint32_t>(mark - kept);
  if (mark != owed_.end()) copy_ = Copy::ended;
  owed_.erase(kept, mark == owed_.end() ? mark : mark + 1);
  const auto last = std::find_if(owed_.rbegin(), owed_.rend(), [](const Owed& owed) {
    return owed.request != Request::copy_end;
  });
  batch_open_ = !ends_ready(last->request);  // there is one: the head
}

// Its client may have ended it before it heard that it has begun.
void ReplyQueue::streaming_begins() {
  copy_ = Copy::both;
  const auto ends = [](const Owed& owed) { return owed.request == Request::copy_end; };
  const auto behind = owed_.begin() + static_cast<std::ptrdiff_t>(head_) + 1;
  const auto mark = std::find_if(behind, owed_.end(), ends);
  if (mark == owed_.end()) return;
  copy_ = Copy::both_ended;
  owed_.erase(mark);
}

void ReplyQueue::pop() {
  forget_changes(head());
  ++head_;
  pass_over_marks();
  if (head_ == owed_.size()) {
    owed_.clear();
    head_ = 0;
  } else if (head_ >= 1024 && head_ * 2 >= owed_.size()) {
    drop_answered();
  }
}

[[gnu::noinline]] void ReplyQueue::drop_answered() {
  owed_.erase(owed_.begin(), owed_.begin() + static_cast<std::ptrdiff_t>(head_));
  head_ = 0;
}

void ReplyQueue::pass_over_marks() {
  while (head_ < owed_.size() && owed_[head_].request == Request::copy_end) ++head_;
}

// They are not owed any more.
void ReplyQueue::forget_changes(Owed& owed) {
  if (owed.change.any() && --changes_ == 0) changes_sealed_ = false;
  unnamed_changes_ -= owed.change.unnamed;
  unnamed_in_batch_ = std::min(unnamed_in_batch_, unnamed_changes_);
}

void ReplyQueue::swallow_all() {
  const auto nobody_hears = [&](Owed& owed) {
    if (owed.fate != Fate::make_up) return false;
    forget_changes(owed);
    return true;
  };
  drop_answered();
  std::erase_if(owed_, nobody_hears);
  pass_over_marks();
  for (Owed& owed : owed_) owed.fate = Fate::swallow;
}

void ReplyQueue::add_to(Hash& hash) const {
  hash.add(size());
  for (std::size_t at = head_; at < owed_.size(); ++at) {
    hash.add(owed_[at].request);
    hash.add(owed_[at].fate);
    hash.add(owed_[at].begun);
    hash.add(owed_[at].change.any());
  }
  hash.add(batch_open_);
  hash.add(skipping_);
  hash.add(copy_);
  hash.add(copy_syncs_);
  hash.add(extra_ready_);
}

}  // namespace pgweir::session
