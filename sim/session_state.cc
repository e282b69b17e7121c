#include "sim/session_state.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

namespace pgweir::sim {

namespace {

constexpr std::string_view roles[] = {"role", "session_authorization", "is_superuser"};

bool is_role(std::string_view name) {
  return name == roles[0] || name == roles[1] || name == roles[2];
}

}  // namespace

std::vector<std::string> SessionState::reported_names(const std::string& version) {
  const int major = std::atoi(version.c_str());
  std::vector<std::string> names{"application_name", "client_encoding", "DateStyle"};
  if (major >= 14) names.insert(names.end(), {"default_transaction_read_only", "in_hot_standby"});
  names.insert(names.end(), {"integer_datetimes", "IntervalStyle", "is_superuser"});
  if (major >= 18) names.emplace_back("search_path");
  names.insert(names.end(), {"server_encoding", "server_version", "session_authorization",
                             "standard_conforming_strings", "TimeZone"});
  return names;
}

void SessionState::begin(Values defaults, const Values& said, const std::string& version) {
  defaults_ = std::move(defaults);
  for (const auto& [name, value] : said) {
    defaults_[name] = value;
    said_at_startup_.insert(name);
  }
  for (const std::string& name : reported_names(version)) {
    const auto known = defaults_.try_emplace(name).first;
    reported_.push_back({known->first, known->second, std::nullopt});
  }
}

std::string SessionState::name_among(const Values& known, std::string_view name) {
  const auto same = [&](const auto& one) {
    return std::ranges::equal(one.first, name, [](unsigned char a, unsigned char b) {
      return std::tolower(a) == std::tolower(b);
    });
  };
  const auto found = std::ranges::find_if(known, same);
  return found == known.end() ? std::string(name) : found->first;
}

const std::string& SessionState::value(std::string_view name) const {
  static const std::string none;
  if (const std::string* value = set_value(name)) return *value;
  const auto found = defaults_.find(name);
  return found == defaults_.end() ? none : found->second;
}

const std::string* SessionState::set_value(std::string_view name) const {
  for (const Values* values : {&now_.local, &now_.own}) {
    if (const auto found = values->find(name); found != values->end()) return &found->second;
  }
  return nullptr;
}

void SessionState::set(const std::string& name, const std::string& value, Lasts lasts) {
  Kept& kept = change();
  if (lasts == Lasts::transaction) {
    kept.local[name] = value;
  } else {
    kept.own[name] = value;
    kept.local.erase(name);
  }
  to_tell_ = true;
}

void SessionState::reset(const std::string& name, Lasts lasts) {
  if (lasts == Lasts::transaction) return set(name, defaults_[name], lasts);
  change().own.erase(name);
  change().local.erase(name);
  to_tell_ = true;
}

void SessionState::reset_all() {
  const auto is_reset = [](const auto& entry) { return !is_role(entry.first); };
  std::erase_if(change().own, is_reset);
  std::erase_if(change().local, is_reset);
  to_tell_ = true;
}

void SessionState::discard_all() {
  change() = {};
  to_tell_ = true;
}

void SessionState::set_default(const std::string& name, const std::string& value) {
  if (said_at_startup_.contains(name)) return;
  defaults_[name] = value;
  to_tell_ = true;
}

Duration SessionState::time(std::string_view name) const {
  const std::string* text = set_value(name);
  if (text == nullptr) return {};
  std::int64_t count = 0;
  const char* const text_end = text->data() + text->size();
  const auto [end, error] = std::from_chars(text->data(), text_end, count);
  const bool seconds = std::string_view(end, text_end) == "s";
  return std::chrono::milliseconds(seconds ? count * 1000 : count);
}

void SessionState::add_table(const std::string& name, Lasts lasts) {
  change().temp_tables.insert(name);
  if (lasts == Lasts::transaction) change().dropped_at_commit.insert(name);
}

void SessionState::drop_table(const std::string& name) {
  change().temp_tables.erase(name);
  change().dropped_at_commit.erase(name);
}

void SessionState::drop_tables() {
  change().temp_tables.clear();
  change().dropped_at_commit.clear();
}

void SessionState::roll_back_to(std::size_t level) {
  if (level == 0) {
    if (!before_) return;
    now_ = *before_;
    levels_.clear();
  } else {
    levels_.resize(level);
    now_ = levels_.back();
  }
  to_tell_ = true;
}

void SessionState::release(std::size_t level) { levels_.resize(level - 1); }

void SessionState::end_transaction(bool committed) {
  if (!before_) return levels_.clear();
  if (!committed) roll_back_to(0);
  to_tell_ = to_tell_ || !now_.local.empty();
  now_.local.clear();
  for (const std::string& table : now_.dropped_at_commit) now_.temp_tables.erase(table);
  now_.dropped_at_commit.clear();
  levels_.clear();
  before_.reset();
}

std::vector<std::pair<std::string, std::string>> SessionState::take_news() {
  if (!std::exchange(to_tell_, false)) return {};
  std::vector<std::pair<std::string, std::string>> news;
  for (Reported& one : reported_) {
    const std::string* set = set_value(one.name);
    const std::string& value = set == nullptr ? one.default_value : *set;
    if (one.told == value) continue;
    one.told = value;
    news.emplace_back(one.name, value);
  }
  return news;
}

std::string SessionState::reading() const {
  std::string text;
  for (const std::string_view name : {"IntervalStyle", "TimeZone"}) {
    const std::string* value = set_value(name);
    if (value == nullptr || *value == defaults_.find(name)->second) continue;
    text.append(text.empty() ? "" : ",").append(name).append("=").append(*value);
  }
  return text;
}

void SessionState::add_text(std::string& text) const {
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!text.empty()) text += ',';
    text.append(name).append("=").append(value);
  };
  const auto add_setting = [&](const std::string& name, const std::string& value) {
    if (defaults_.find(name)->second != value) add(name, value);
  };
  for (const auto& [name, value] : now_.local) add_setting(name, value);
  for (const auto& [name, value] : now_.own) {
    if (!now_.local.contains(name)) add_setting(name, value);
  }
  for (const std::string& table : now_.temp_tables) add("table", table);
  for (const std::string& channel : now_.channels) add("listen", channel);
}

}  // namespace pgweir::sim
