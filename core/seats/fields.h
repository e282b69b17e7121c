// Structs to bytes and back, for messages between machines: every struct is taken apart by the same
// structured binding both ways (fields_of), so that what is written is what is read.
//
// Integers little-endian in their own width, instants and durations as nanoseconds, texts and byte
// strings with their length (4 bytes) in front, lists with their count, optionals behind a byte.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/seats/fields_of.h"

namespace pgweir::seats {

template <class T>
concept Plain = std::integral<T> || std::is_enum_v<T>;

class Writer {
 public:
  template <class T>
  void put(const T& value) {
    if constexpr (Plain<T>) {
      auto bits = static_cast<std::uint64_t>(value);
      for (std::size_t i = 0; i < sizeof(T); ++i, bits >>= 8) out_ += static_cast<char>(bits);
    } else {
      std::apply([&](const auto&... fields) { (put(fields), ...); }, fields_of(value));
    }
  }
  void put(const Duration& duration) { put(std::int64_t{duration.count()}); }
  void put(const Instant& instant) { put(instant.time_since_epoch()); }
  void put(const std::string_view& text) {
    put(static_cast<std::uint32_t>(text.size()));
    out_ += text;
  }
  void put(const Bytes& bytes) { put(text_of(bytes)); }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <class T>
  void put(const std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (const T& item : list) put(item);
  }
  template <class T, std::size_t Size>
  void put(const std::array<T, Size>& list) {
    for (const T& item : list) put(item);
  }

  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(Bytes bytes) : left_(bytes) {}

  template <class T>
  T read() {
    T value{};
    get(value);
    return value;
  }
  void finish() const { PGWEIR_REQUIRE(left_.empty(), left_.size()); }

  template <class T>
  void get(T& value) {
    if constexpr (Plain<T>) {
      const Bytes bytes = take(sizeof(T));
      std::uint64_t bits = 0;
      for (std::size_t i = sizeof(T); i > 0; --i) {
        bits = bits << 8 | std::to_integer<std::uint64_t>(bytes[i - 1]);
      }
      value = static_cast<T>(bits);
    } else {
      std::apply([&](auto&... fields) { (get(fields), ...); }, fields_of(value));
    }
  }
  void get(Duration& duration) { duration = Duration(read<std::int64_t>()); }
  void get(Instant& instant) { instant = Instant(read<Duration>()); }
  void get(Bytes& bytes) { bytes = take(read<std::uint32_t>()); }
  void get(std::string_view& text) { text = text_of(read<Bytes>()); }
  template <class T>
  void get(std::optional<T>& value) {
    if (read<bool>()) value = read<T>();
  }
  template <class T>
  void get(std::vector<T>& list) {
    list.resize(read<std::uint32_t>());
    for (T& item : list) get(item);
  }
  template <class T, std::size_t Size>
  void get(std::array<T, Size>& list) {
    for (T& item : list) get(item);
  }

 private:
  Bytes take(std::size_t size) {
    PGWEIR_REQUIRE(size <= left_.size(), size, left_.size());
    const Bytes taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }

  Bytes left_;
};

}  // namespace pgweir::seats
