// What is written is what is read.
#include "core/seats/message.h"

#include <gtest/gtest.h>

#include "tests/unit/seats/moments.h"

namespace pgweir::seats {
namespace {

constexpr pool::Hunger hunger{7, 3, early, late, {early, late}, true};

TEST(SeatsMessage, IsReadAsItWasWritten) {
  const Endpoint place{Endpoint::Family::unix_socket, 5432, {}, "/run/.s.PGSQL.5432"};
  const pool::News::Why why{"08006", "refused", "start it", pool::News::Heard::not_there, true};
  const std::vector<Message> messages{
      Cancel{{3, 4}, 0x7f000001, "secret"},
      Admit{{1, 2}, true},
      Left{3, 2},
      HandedOver{4},
      Report{app,
             4,
             false,
             {2, early, true},
             hunger,
             {{pool::News::What::failed, {1, 2}, why}, {pool::News::What::closed, {}, {}}},
             {{{3, 4}, pool::Offer::Why::pressure, early, late}}},
      Open{app, 4, {1, 2}, place},
      Decided{app, {{3, 4}, pool::Offer::Why::idle_timeout, early, never}, true},
      Decided{app, {{3, 4}, pool::Offer::Why::unused, early, never}, false},
      Pressed{app, {early, late}},
      Failing{app, why, late, true},
      Failing{app, {}, {}, false},
      Hungry{app, 3, 4, hunger},
      Marked{{3, 1}, session::HostSign::is_standby},
      Introduced{app, 3, {{"TimeZone", "UTC"}, {"application_name", ""}}},
      Drained{},
  };
  for (const Message& message : messages) {
    const std::string written = write(message, 7);
    EXPECT_TRUE(read(bytes_of(written)) == message) << name_of(bytes_of(written));
    EXPECT_EQ(number_of(bytes_of(written)), 7u);
  }
}

TEST(SeatsMessage, AServersParcelKeepsWhatIsEmptyApartFromWhatIsNotKnown) {
  ServerParcel parcel;
  parcel.number = 8;
  parcel.pool = app;
  parcel.backend_pid = 1234;
  parcel.hunger = hunger;
  parcel.parameters[0] = "";
  const std::string written = write(parcel);
  const ServerParcel read = read_server(bytes_of(written));
  EXPECT_EQ(number_of(bytes_of(written)), 8u);
  EXPECT_EQ(read.pool, app);
  EXPECT_EQ(read.backend_pid, 1234u);
  EXPECT_EQ(read.hunger, hunger);
  EXPECT_EQ(read.parameters[0], std::optional<std::string_view>(""));
  EXPECT_EQ(read.parameters[1], std::nullopt);
}

}  // namespace
}  // namespace pgweir::seats
