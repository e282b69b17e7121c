#include "core/session/parameters.h"

#include <algorithm>

#include "core/base/assert.h"

namespace pgweir::session {

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::size_t> tracked_index(std::string_view name) {
  for (std::size_t i = 0; i < tracked_count; ++i) {
    if (same_name(tracked_parameters[i], name)) return i;
  }
  return std::nullopt;
}

ValueId Values::intern(std::string_view text) {
  auto found = ids_.find(text);
  if (found == ids_.end()) {
    ValueId id = static_cast<ValueId>(entries_.size() + 1);
    if (free_.empty()) {
      entries_.emplace_back();
    } else {
      id = free_.back();
      free_.pop_back();
    }
    found = ids_.emplace(text, id).first;
    entries_[id - 1] = {found, 0};
  }
  return copy(found->second);
}

ValueId Values::copy(ValueId id) {
  if (id != no_value) ++entries_[id - 1].references;
  return id;
}

void Values::release(ValueId id) {
  if (id == no_value) return;
  Entry& entry = entries_[id - 1];
  PGWEIR_REQUIRE(entry.references > 0, id);
  if (--entry.references > 0) return;
  ids_.erase(entry.key);
  free_.push_back(id);
}

std::string_view Values::text(ValueId id) const {
  return id == no_value ? std::string_view() : std::string_view(entries_[id - 1].key->first);
}

void Values::assign(ParameterSet& set, std::size_t index, std::string_view text) {
  const ValueId fresh = intern(text);
  release(set[index]);
  set[index] = fresh;
}

ParameterSet Values::copy(const ParameterSet& set) {
  for (ValueId id : set) copy(id);
  return set;
}

void Values::drop(ParameterSet& set) {
  for (ValueId& id : set) {
    release(id);
    id = no_value;
  }
}

}  // namespace pgweir::session
