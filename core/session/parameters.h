// The session parameters that belong to a client wherever it is served (PostgreSQL: "Asynchronous
// Operations", ParameterStatus). Values are interned: comparing a client with a server is comparing
// a few integers. A value lives as long as a client or server refers to it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgweir::session {

// Reported by PostgreSQL and settable by anyone: what a client sets follows it from server to
// server. The last two only by newer ones (14 and 18): where a server says nothing of them they are
// like any other setting.
inline constexpr std::array<std::string_view, 8> tracked_parameters = {
    "application_name", "client_encoding",
    "DateStyle",        "IntervalStyle",
    "TimeZone",         "standard_conforming_strings",
    "search_path",      "default_transaction_read_only"};
inline constexpr std::size_t tracked_count = tracked_parameters.size();

// Reported by PostgreSQL from 14 on, and nobody's to set: whether nothing can be written there.
inline constexpr std::string_view in_hot_standby = "in_hot_standby";

// Parameter names are compared without case, as PostgreSQL does.
std::optional<std::size_t> tracked_index(std::string_view name);
bool same_name(std::string_view a, std::string_view b);

using ValueId = std::uint32_t;
inline constexpr ValueId no_value = 0;

// One of each tracked parameter; no_value where it is not known. Owned by a client or a server,
// which gives its references back with Values::drop.
using ParameterSet = std::array<ValueId, tracked_count>;

class Values {
 public:
  // A reference to the text; every intern and copy is paired with a release.
  ValueId intern(std::string_view text);
  ValueId copy(ValueId id);
  void release(ValueId id);
  // Good until the last reference is released. The empty text for no_value.
  std::string_view text(ValueId id) const;

  void assign(ParameterSet& set, std::size_t index, std::string_view text);
  ParameterSet copy(const ParameterSet& set);
  void drop(ParameterSet& set);
  std::size_t size() const { return ids_.size(); }

 private:
  struct Entry {
    std::map<std::string, ValueId, std::less<>>::iterator key;
    std::uint32_t references = 0;
  };

  std::map<std::string, ValueId, std::less<>> ids_;
  std::vector<Entry> entries_;  // by id - 1
  std::vector<ValueId> free_;
};

}  // namespace pgweir::session
