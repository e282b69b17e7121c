#include "core/seats/message.h"

#include <array>

#include "core/seats/fields.h"

namespace pgweir::seats {

namespace {

template <std::size_t Tag = 0>
Message read_tagged(std::size_t tag, Reader& reader) {
  if constexpr (Tag < std::variant_size_v<Message>) {
    if (tag != Tag) return read_tagged<Tag + 1>(tag, reader);
    return reader.read<std::variant_alternative_t<Tag, Message>>();
  } else {
    PGWEIR_REQUIRE(false, tag);
    return {};
  }
}

template <class Parcel>
std::string write_parcel(const Parcel& parcel) {
  Writer writer;
  writer.put(parcel);
  return writer.take();
}

template <class Parcel>
Parcel read_parcel(Bytes bytes) {
  Reader reader(bytes);
  const auto parcel = reader.read<Parcel>();
  reader.finish();
  return parcel;
}

}  // namespace

std::string write(const Message& message, LetterNumber number) {
  Writer writer;
  writer.put(number);
  writer.put(static_cast<std::uint8_t>(message.index()));
  std::visit([&](const auto& alternative) { writer.put(alternative); }, message);
  return writer.take();
}

Message read(Bytes letter) {
  Reader reader(letter);
  reader.read<LetterNumber>();
  Message message = read_tagged(reader.read<std::uint8_t>(), reader);
  reader.finish();
  return message;
}

std::string write(const ClientParcel& parcel) { return write_parcel(parcel); }
std::string write(const ServerParcel& parcel) { return write_parcel(parcel); }
ClientParcel read_client(Bytes bytes) { return read_parcel<ClientParcel>(bytes); }
ServerParcel read_server(Bytes bytes) { return read_parcel<ServerParcel>(bytes); }

LetterNumber number_of(Bytes letter) { return Reader(letter).read<LetterNumber>(); }

std::string_view name_of(Bytes letter) {
  static constexpr std::array<std::string_view, std::variant_size_v<Message>> names{
      "Admit",   "Admitted", "Left",    "HandedOver", "Cancel",  "Cancelled", "Ask",  "Answer",
      "Reload",  "Reloaded", "Applied", "Drain",      "Drained", "Report",    "Open", "Decided",
      "Pressed", "Failing",  "Hungry",  "Introduced", "Taken",   "Marked"};
  Reader reader(letter);
  reader.read<LetterNumber>();
  return names.at(reader.read<std::uint8_t>());
}

}  // namespace pgweir::seats
