// The value that core/sql reads of a SET is what set_config has to be told for PostgreSQL to have
// the same.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/sql/session_effects.h"
#include "tests/integration/environment.h"

namespace pgweir::integration {
namespace {

class ConformanceSet : public IntegrationTest {};

TEST_F(ConformanceSet, SetConfigOfWhatIsReadDoesTheSame) {
  for (const char* text : {
           "set search_path to \"public\"",
           "set search_path = One, \"Two\", 'three four', _5",
           "set search_path = 'a, b'",
           "set search_path to '$user', \"a\"\"b\", ''",
           "set search_path = ''",
           "set search_path = 1, -2.50",
           "set schema 'A b'",
           "set temp_tablespaces = ''",
           "set statement_timeout = 2000",
           "set statement_timeout to '2s'",
           "set session lock_timeout = '1min'",
           "set work_mem = '1234kB'",
           "set work_mem = +1234",
           "set geqo to OFF",
           "set geqo = TRUE",
           "set geqo = 'no'",
           "set client_min_messages to Warning",
           "set \"Client_Min_Messages\" to \"error\"",
           "set seq_page_cost = 1.50",
           "set seq_page_cost to 15E-1",
           "set extra_float_digits = -5",
           "set log_parameter_max_length_on_error to -0",
           "set default_text_search_config = 'pg_catalog.english'",
           "set app.\"User\".name = 'It''s, \"me\"'",
           "set app.number = -00.50",
           "set app.number = -0",
           "set app.number = 99999999999999999999",
           "set app.word = Mixed",
           "set app.word = \"Mixed\"",
           "set app.word = $a$it's $$ $a$",
           "set app.word to E'a''b'",
           "set app.word to ''",
           "select set_config('Search_Path', 'a, \"B\"', false)",
           "select pg_catalog.set_config('app.word', 'a b', FALSE)",
       }) {
    const sql::Effects effects = sql::effects_of(text, false);
    ASSERT_EQ(effects.settings.size(), 1u) << text;
    ASSERT_TRUE(effects.value) << text;
    const std::string& name = effects.settings.front().name;
    Session said = postgres().direct();
    Session given = postgres().direct();
    const Answer answer = said.run(text);
    ASSERT_TRUE(answer.ok()) << text << ": " << answer.message;
    const Answer config =
        given.run_extended("select pg_catalog.set_config($1, $2, false)", {name, *effects.value});
    ASSERT_TRUE(config.ok()) << text << ": " << config.message;
    const std::string ask = "select current_setting('" + name + "')";
    EXPECT_EQ(given.value(ask), said.value(ask)) << text;
  }
}

// PostgreSQL takes them, and what they set may not be what the text seems to say.
TEST_F(ConformanceSet, WhatIsNotReadIsValidAllTheSame) {
  for (const char* text :
       {"set app.word = E'\\x41'", "set app.word = 'a'\n'b'", "set app.word = U&'\\0041'",
        "set work_mem = 010000", "set app.word = '\xc3\xa4'", "set datestyle = iso, mdy",
        "set work_mem from current", "set work_mem to default"}) {
    EXPECT_FALSE(sql::effects_of(text, false).value) << text;
    Session session = postgres().direct();
    const Answer answer = session.run(text);
    EXPECT_TRUE(answer.ok()) << text << ": " << answer.message;
  }
}

}  // namespace
}  // namespace pgweir::integration
