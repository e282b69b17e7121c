#include "sim/own_state.h"

#include <algorithm>
#include <utility>

namespace pgweir::sim {

namespace {

void append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

using Setting = std::pair<std::string_view, std::string_view>;

std::string told(const Setting& setting) {
  return std::string(setting.first).append("=").append(setting.second);
}

}  // namespace

void OwnState::begin(Parameters parameters) {
  now_ = {std::move(parameters), {}, {}, {}, {}};
  before_ = now_;
  failed_to_keep_ = false;
  ever_.clear();
  for (const auto& [name, value] : now_.own) ever_.insert(name + "=" + value);
  began_with_ = now_.own;
  savepoints_.clear();
  rows_left_.clear();
}

void OwnState::declare(const std::string& cursor, int row_count) {
  add(thing_of(cursor));
  rows_left_[cursor] = row_count;
}

void OwnState::close(const std::string& cursor) { now_.things.erase(thing_of(cursor)); }

void OwnState::end_kept(std::string_view kind) {
  std::erase_if(now_.kept, [&](const std::string& thing) { return thing.starts_with(kind); });
}

int OwnState::rows_for(const std::string& cursor, int count) const {
  const auto found = rows_left_.find(cursor);
  return found == rows_left_.end() ? 0 : std::min(count, found->second);
}

void OwnState::reset(const std::string& name) {
  if (name == "all") {
    now_.own = began_with_;
    now_.local.clear();
    now_.kept_settings.clear();
    return;
  }
  now_.local.erase(name);
  now_.own.erase(name);
  if (const auto first = began_with_.find(name); first != began_with_.end()) {
    now_.own.insert(*first);
  }
}

void OwnState::discard_all() {
  reset("all");
  now_.kept.clear();
}

// The last of that name, counted from one; zero: there is none.
std::size_t OwnState::find(const std::string& savepoint) const {
  std::size_t number = savepoints_.size();
  while (number > 0 && savepoints_[number - 1].name != savepoint) --number;
  return number;
}

bool OwnState::has_savepoint(const std::string& name) const { return find(name) > 0; }

void OwnState::roll_back_to(const std::string& name) {
  savepoints_.resize(find(name));
  const Savepoint& to = savepoints_.back();
  now_ = to.before;
  const auto kept = inserted_.begin() + static_cast<std::ptrdiff_t>(to.inserted_count);
  rolled_back_.insert(rolled_back_.end(), kept, inserted_.end());
  inserted_.erase(kept, inserted_.end());
}

void OwnState::release(const std::string& name) { savepoints_.resize(find(name) - 1); }

void OwnState::end_transaction(bool committed) {
  if (!committed) {
    failed_to_keep_ = failed_to_keep_ || now_.kept_settings != before_.kept_settings;
    now_ = before_;
  }
  now_.local.clear();
  now_.things.clear();
  before_ = now_;
  savepoints_.clear();
  append(committed ? committed_ : rolled_back_, inserted_);
  inserted_.clear();
}

void OwnState::lose() {
  append(unknown_, inserted_);
  inserted_.clear();
}

std::optional<OwnState::Difference> OwnState::compare(std::string_view state,
                                                      const std::vector<std::string>& also) const {
  std::vector<std::string_view> missing(now_.things.begin(), now_.things.end());
  missing.insert(missing.end(), now_.kept.begin(), now_.kept.end());
  missing.insert(missing.end(), also.begin(), also.end());
  Parameters settings = now_.local;  // over those of the session, over those it began with
  settings.insert(now_.kept_settings.begin(), now_.kept_settings.end());
  settings.insert(now_.own.begin(), now_.own.end());
  std::vector<Setting> expected(settings.begin(), settings.end());
  while (!state.empty()) {
    const std::size_t end = std::min(state.find(','), state.size());
    const std::string_view item = state.substr(0, end);
    state.remove_prefix(std::min(end + 1, state.size()));
    if (const auto thing = std::ranges::find(missing, item); thing != missing.end()) {
      missing.erase(thing);
      continue;
    }
    const std::size_t equals = std::min(item.find('='), item.size());
    const auto own = std::ranges::find(expected, item.substr(0, equals), &Setting::first);
    if (own == expected.end()) return Difference{true, std::string(item)};
    if (own->second != item.substr(std::min(equals + 1, item.size()))) {
      return Difference{false, told(*own) + " is " + std::string(item)};
    }
    expected.erase(own);
  }
  if (!missing.empty()) return Difference{false, std::string(missing.front()) + " is not there"};
  if (expected.empty()) return std::nullopt;
  return Difference{false, told(expected.front()) + " is not there"};
}

bool OwnState::may_have_read_by(std::string_view reading) const {
  std::set<std::string_view> set;
  while (!reading.empty()) {
    const std::size_t end = std::min(reading.find(','), reading.size());
    const std::string_view one = reading.substr(0, end);
    if (!ever_.contains(one)) return false;
    set.insert(one.substr(0, one.find('=')));
    reading.remove_prefix(std::min(end + 1, reading.size()));
  }
  // Where it began with one of its own it never had the server's.
  return std::ranges::all_of(began_with_, [&](const auto& own) {
    const bool read_by = own.first == "IntervalStyle" || own.first == "TimeZone";
    return !read_by || set.contains(own.first);
  });
}

}  // namespace pgweir::sim
