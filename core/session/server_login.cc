#include "core/session/server_login.h"

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/session/host_sign.h"
#include "core/wire/error_fields.h"
#include "core/wire/reader.h"
#include "core/wire/writer.h"

namespace pgweir::session {

using wire::Authentication;
using wire::BackendType;
using wire::FrontendType;

ServerLogin::ServerLogin(ServerIdentity identity) : identity_(std::move(identity)) {}

std::string ServerLogin::startup_message() const {
  std::string out;
  wire::Writer writer(out);
  writer.begin_untyped().u32(wire::protocol_3_0 + identity_.minor);
  writer.text("user").text(identity_.user).text("database").text(identity_.database);
  for (const auto& [name, value] : identity_.parameters) writer.text(name).text(value);
  writer.u8(0).end();
  return out;
}

ServerLogin::Next ServerLogin::on_message(BackendType type, Bytes body, auth::Vault& vault,
                                          std::string& answer) {
  if (type == BackendType::error_response) return on_error(body);
  if (type == BackendType::notice_response) return Next::more;
  heard_ = true;
  if (type == BackendType::negotiate_protocol_version && !authenticated_) {
    return on_negotiation(body);
  }
  if (type == BackendType::authentication && !authenticated_) {
    return on_authentication(body, vault, answer);
  }
  if (authenticated_) {
    if (type == BackendType::parameter_status) return on_parameter_status(body);
    if (type == BackendType::backend_key_data) return on_key_data(body);
    if (type == BackendType::ready_for_query && body.size() == 1 && body[0] == std::byte{'I'}) {
      return Next::ready;
    }
  }
  return fail(sqlstate::connection_failure,
              join("the server sent a message that does not belong into a login (type ",
                   static_cast<int>(type), ")"),
              false);
}

// To an older minor version; no options were asked for that it could not know. Some PgBouncers
// say it twice (issue 1459 of theirs).
ServerLogin::Next ServerLogin::on_negotiation(Bytes body) {
  wire::Reader reader(body);
  const std::uint32_t version = reader.u32();
  const std::uint32_t option_count = reader.u32();
  const bool older =
      version >= wire::protocol_3_0 && version <= wire::protocol_3_0 + identity_.minor;
  if (!reader.finished() || option_count != 0 || !older) {
    return fail(sqlstate::connection_failure, "the server sent a wrong NegotiateProtocolVersion",
                false);
  }
  return Next::more;
}

ServerLogin::Next ServerLogin::on_authentication(Bytes body, auth::Vault& vault,
                                                 std::string& answer) {
  wire::Reader reader(body);
  const auto kind = static_cast<Authentication>(reader.u32());
  if (reader.failed()) {
    return fail(sqlstate::connection_failure, "the server sent half an authentication request",
                false);
  }
  const bool sasl = kind == Authentication::sasl_continue || kind == Authentication::sasl_final;
  if (scram_ && !sasl && kind != Authentication::ok) {
    return fail(sqlstate::server_rejected_connection,
                "the server asks for another authentication method after it began SCRAM", true,
                "Is this the server you mean? Check host and port.");
  }
  switch (kind) {
    case Authentication::ok:
      if (scram_ && !proved_) {
        return fail(sqlstate::server_rejected_connection,
                    "the server ended SCRAM without proving that it knows the password", true,
                    "Is this the server you mean? Check host and port.");
      }
      authenticated_ = true;
      return Next::more;
    case Authentication::cleartext_password:
      if (!identity_.cleartext_allowed) {
        return fail(sqlstate::server_rejected_connection,
                    "the server asks for the password in clear text, which "
                    "server_cleartext_password does not allow",
                    true, "Let pg_hba.conf of the server ask for scram-sha-256.");
      }
      return send_password(vault.cleartext(identity_.credential), "password", answer);
    case Authentication::md5_password: {
      const Bytes salt = reader.bytes(4);
      if (!reader.finished()) break;
      return send_password(vault.md5_answer(identity_.credential, identity_.user, salt.first<4>()),
                           "md5", answer);
    }
    case Authentication::sasl: return on_sasl(reader.rest(), vault, answer);
    case Authentication::sasl_continue: {
      if (!scram_ || proved_) break;
      const auto challenged = scram_->challenged(text_of(reader.rest()));
      if (!challenged) return fail(challenged.error().code, challenged.error().message, false);
      if (!vault.key_ready(identity_.credential, derivation().salt, derivation().iterations)) {
        return Next::derive;
      }
      return prove(vault, answer);
    }
    case Authentication::sasl_final: {
      if (!scram_) break;
      const auto finished = scram_->finished(text_of(reader.rest()), vault);
      if (!finished) return fail(finished.error().code, finished.error().message, true);
      proved_ = true;
      return Next::more;
    }
  }
  return fail(sqlstate::server_rejected_connection,
              join("the server asks for an authentication method that pgweir does not have (",
                   static_cast<std::uint32_t>(kind), ")"),
              true, "pgweir knows trust, scram-sha-256, md5 and password.");
}

ServerLogin::Next ServerLogin::on_sasl(Bytes mechanisms, auth::Vault& vault, std::string& answer) {
  if (scram_ || !auth::offers_scram_sha_256(mechanisms)) {
    return fail(sqlstate::server_rejected_connection, "the server does not offer SCRAM-SHA-256",
                true);
  }
  if (vault.kind(identity_.credential) != auth::SecretKind::plain) {
    return fail(sqlstate::server_rejected_connection,
                join("the server wants SCRAM of user \"", identity_.user,
                     "\", and pgweir has no plain password for that user"),
                true, "Put the password into auth_file, or password= into the database's line.");
  }
  scram_.emplace(identity_.credential);
  const std::string first = scram_->first(vault);
  wire::Writer(answer)
      .begin(FrontendType::password)
      .text("SCRAM-SHA-256")
      .u32(static_cast<std::uint32_t>(first.size()))
      .bytes(bytes_of(first))
      .end();
  return Next::more;
}

ServerLogin::Next ServerLogin::on_derived(bool done, auth::Vault& vault, std::string& answer) {
  if (!done || !vault.key_ready(identity_.credential, derivation().salt, derivation().iterations)) {
    return fail(sqlstate::internal_error, "the SCRAM key for the server could not be derived",
                false);
  }
  return prove(vault, answer);
}

ServerLogin::Next ServerLogin::prove(auth::Vault& vault, std::string& answer) {
  const std::string final = scram_->final(vault);
  wire::Writer(answer).begin(FrontendType::password).bytes(bytes_of(final)).end();
  return Next::more;
}

ServerLogin::Next ServerLogin::send_password(std::optional<std::string> password,
                                             std::string_view method, std::string& answer) {
  if (!password) {
    return fail(sqlstate::server_rejected_connection,
                join("the server asks for the ", method, " of user \"", identity_.user,
                     "\", and pgweir has no fitting secret for that user"),
                true, "Put the password into auth_file, or password= into the database's line.");
  }
  wire::Writer(answer).begin(FrontendType::password).text(*password).end();
  return Next::more;
}

ServerLogin::Next ServerLogin::on_error(Bytes body) {
  const wire::ErrorFields said = wire::read_error_fields(body);
  const std::string text = join("server login failed: ", said.message);
  // What PostgreSQL may say at once is about the role (28), its database (3D), places (53) or the
  // server's state (57). Anything else is the answer of one that does not negotiate.
  const bool known = said.code.starts_with("28") || said.code.starts_with("3D") ||
                     said.code.starts_with("53") || said.code.starts_with("57");
  failure_.protocol = !heard_ && identity_.minor > 0 && !known;
  // Class 28: the role, its password or pg_hba.conf. The client's own login was right.
  if (said.code.starts_with("28")) return fail(sqlstate::server_rejected_connection, text, true);
  if (said.code == sqlstate::invalid_catalog_name.text()) {
    return fail(sqlstate::invalid_catalog_name, std::string(said.message), true);
  }
  if (said.code == sqlstate::too_many_connections.text()) {
    return fail(sqlstate::too_many_connections, text, false);
  }
  if (said.code == sqlstate::cannot_connect_now.text()) {
    return fail(sqlstate::cannot_connect_now, text, false);
  }
  failure_.ended = last_words(said) != HostSign::none;
  return fail(sqlstate::connection_failure, text, false);
}

ServerLogin::Next ServerLogin::on_parameter_status(Bytes body) {
  wire::Reader reader(body);
  const std::string_view name = reader.text();
  const std::string_view value = reader.text();
  if (!reader.finished() || name.empty() || parameters_.size() >= limits::server_parameters_max) {
    return fail(sqlstate::connection_failure, "the server sent a wrong ParameterStatus", false);
  }
  for (auto& [known, old] : parameters_) {
    if (known == name) {
      old = value;
      return Next::more;
    }
  }
  parameters_.emplace_back(name, value);
  return Next::more;
}

ServerLogin::Next ServerLogin::on_key_data(Bytes body) {
  wire::Reader reader(body);
  backend_pid_ = reader.u32();
  if (reader.failed() || reader.rest().size() < 4 || reader.rest().size() > 256) {
    return fail(sqlstate::connection_failure, "the server sent a wrong BackendKeyData", false);
  }
  backend_secret_.assign(reader.rest().begin(), reader.rest().end());
  return Next::more;
}

ServerLogin::Next ServerLogin::fail(SqlState code, std::string message, bool permanent,
                                    std::string hint) {
  failure_.error = {code, std::move(message), std::move(hint)};
  failure_.permanent = permanent;
  return Next::failed;
}

}  // namespace pgweir::session
