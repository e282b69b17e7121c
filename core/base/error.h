// What PostgreSQL's clients read when something is refused: a severity, a SQLSTATE and words
// (PostgreSQL: "Error and Notice Message Fields", "PostgreSQL Error Codes").
#pragma once

#include <string>
#include <string_view>

namespace pgweir {

// Five characters from PostgreSQL's table of error codes.
class SqlState {
 public:
  consteval SqlState(const char (&code)[6]) : code_(code, 5) {}
  constexpr std::string_view text() const { return code_; }
  bool operator==(const SqlState&) const = default;

  // That of a failed login or a refused setting which has these characters; internal_error for any
  // other.
  static SqlState named(std::string_view code);

 private:
  std::string_view code_;
};

namespace sqlstate {
inline constexpr SqlState connection_failure("08006");
inline constexpr SqlState server_rejected_connection("08004");
inline constexpr SqlState protocol_violation("08P01");
inline constexpr SqlState feature_not_supported("0A000");
inline constexpr SqlState invalid_parameter_value("22023");
inline constexpr SqlState read_only_sql_transaction("25006");
inline constexpr SqlState in_failed_sql_transaction("25P02");
inline constexpr SqlState idle_in_transaction_session_timeout("25P03");
inline constexpr SqlState transaction_timeout("25P04");
inline constexpr SqlState invalid_sql_statement_name("26000");
inline constexpr SqlState invalid_authorization_specification("28000");
inline constexpr SqlState invalid_password("28P01");
inline constexpr SqlState invalid_catalog_name("3D000");
inline constexpr SqlState syntax_error("42601");
inline constexpr SqlState name_too_long("42622");
inline constexpr SqlState duplicate_prepared_statement("42P05");
inline constexpr SqlState insufficient_privilege("42501");
inline constexpr SqlState undefined_object("42704");
inline constexpr SqlState too_many_connections("53300");
inline constexpr SqlState program_limit_exceeded("54000");
inline constexpr SqlState cant_change_runtime_param("55P02");
inline constexpr SqlState query_canceled("57014");
inline constexpr SqlState admin_shutdown("57P01");
inline constexpr SqlState crash_shutdown("57P02");
inline constexpr SqlState cannot_connect_now("57P03");
inline constexpr SqlState idle_session_timeout("57P05");
inline constexpr SqlState config_file_error("F0000");
inline constexpr SqlState internal_error("XX000");
}  // namespace sqlstate

// An error the outside caused or must hear of. message: what happened and which setting or limit it
// was; hint: what to do. Neither ever holds a secret.
struct PgError {
  SqlState code;
  std::string message;
  std::string hint = {};
};

}  // namespace pgweir
