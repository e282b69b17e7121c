#include "core/auth/scram_message.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/auth/base64.h"
#include "core/base/limits.h"
#include "core/base/text.h"

namespace pgweir::auth {

namespace {

// Who sent the message, and so what whoever reads the error can do about it.
enum class Sender : std::uint8_t { client, server };

std::unexpected<PgError> refused(Sender sender, SqlState code, std::string what) {
  const std::string_view hint =
      sender == Sender::client
          ? "The client's driver does not speak SCRAM-SHA-256 as RFC 5802 has it; update it."
          : "Check that the database's host and port lead to a PostgreSQL server.";
  return std::unexpected(PgError{code, std::move(what), std::string(hint)});
}

std::unexpected<PgError> malformed(Sender sender, std::string_view what) {
  return refused(sender, sqlstate::protocol_violation, join("malformed SCRAM message: ", what));
}

std::expected<void, PgError> check_size_and_nul(Sender sender, std::string_view message) {
  if (message.size() > limits::scram_message_size_max) {
    return malformed(sender, join("it has ", message.size(), " bytes, more than the limit of ",
                                  limits::scram_message_size_max));
  }
  if (message.contains('\0')) return malformed(sender, "it contains a zero byte");
  return {};
}

// RFC 5802's printable: a visible ASCII character other than the comma.
bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != ','; });
}

// Reads "x=value" one after the other, with commas between them.
class Attributes {
 public:
  explicit Attributes(std::string_view text) : rest_(text) {}

  // The value of the next attribute if it has this name; otherwise nothing, and it stays the next.
  std::optional<std::string_view> take(char name) {
    if (at_end_ || rest_.size() < 2 || rest_[0] != name || rest_[1] != '=') return std::nullopt;
    const std::size_t comma = rest_.find(',');
    const std::string_view value = rest_.substr(2, comma - 2);
    at_end_ = comma == std::string_view::npos;
    rest_.remove_prefix(at_end_ ? rest_.size() : comma + 1);
    return value;
  }

  // Goes past an attribute SCRAM gives no meaning to. False when it is one of SCRAM's own.
  bool skip_extension() {
    constexpr std::string_view own = "aceimnprsv";
    const char name = rest_.empty() ? '\0' : rest_[0];
    const bool letter = (name >= 'a' && name <= 'z') || (name >= 'A' && name <= 'Z');
    return letter && !own.contains(name) && take(name);
  }

  // After the last attribute; a comma with nothing behind it is not the end.
  bool at_end() const { return at_end_; }

 private:
  std::string_view rest_;
  bool at_end_ = false;
};

std::expected<std::string_view, PgError> take_nonce(Sender sender, Attributes& attributes) {
  const auto nonce = attributes.take('r');
  if (!nonce) return malformed(sender, "no nonce (r=) in its place");
  if (nonce->empty()) return malformed(sender, "the nonce is empty");
  if (!is_printable(*nonce)) return malformed(sender, "the nonce is not printable");
  return *nonce;
}

std::optional<Digest> digest_of(std::string_view base64) {
  const auto bytes = base64_decode(base64);
  Digest digest;
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::ranges::copy(*bytes, digest.begin());
  return digest;
}

// RFC 5802's posit-number: no sign, no leading zero.
std::expected<std::uint32_t, PgError> iterations_of(std::string_view text) {
  const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || !digits || text[0] == '0') {
    return malformed(Sender::server, "the iteration count is not a positive number");
  }
  const auto iterations = to_integer(text);
  if (!iterations || *iterations > std::int64_t{limits::scram_iterations_max}) {
    return refused(Sender::server, sqlstate::protocol_violation,
                   join("the server asks for more SCRAM iterations than the limit of ",
                        limits::scram_iterations_max));
  }
  return static_cast<std::uint32_t>(*iterations);
}

}  // namespace

PgError out_of_turn() {
  return {sqlstate::protocol_violation, "a SCRAM message came before its turn, or twice"};
}

std::string fresh_nonce(Vault& vault) {
  std::array<std::byte, 18> random = {};
  vault.random(random);
  return base64_encode(random);
}

std::expected<ClientFirst, PgError> parse_client_first(std::string_view message) {
  constexpr Sender sender = Sender::client;
  if (auto fit = check_size_and_nul(sender, message); !fit) {
    return std::unexpected(std::move(fit.error()));
  }
  if (message.starts_with('p')) {
    return malformed(sender, "it binds to a channel, which SCRAM-SHA-256 without -PLUS cannot");
  }
  if (!message.starts_with("n,") && !message.starts_with("y,")) {
    return malformed(sender, "it begins with no channel-binding flag");
  }
  if (message.substr(2).starts_with("a=")) {
    return refused(sender, sqlstate::feature_not_supported,
                   "a SCRAM authorization identity is not supported");
  }
  if (!message.substr(2).starts_with(',')) {
    return malformed(sender, "no comma after its header");
  }
  const std::string_view bare = message.substr(3);
  if (bare.starts_with("m=")) {
    return refused(sender, sqlstate::feature_not_supported,
                   "the client requires a SCRAM extension, and none is supported");
  }
  Attributes attributes(bare);
  if (!attributes.take('n')) return malformed(sender, "no user name (n=) in its place");
  auto nonce = take_nonce(sender, attributes);
  if (!nonce) return std::unexpected(std::move(nonce.error()));
  while (!attributes.at_end()) {
    if (!attributes.skip_extension())
      return malformed(sender, "what follows the nonce is not an extension");
  }
  return ClientFirst{.gs2_header = message.substr(0, 3), .bare = bare, .nonce = *nonce};
}

std::expected<ServerFirst, PgError> parse_server_first(std::string_view message) {
  constexpr Sender sender = Sender::server;
  if (auto fit = check_size_and_nul(sender, message); !fit) {
    return std::unexpected(std::move(fit.error()));
  }
  if (message.starts_with("m=")) {
    return refused(sender, sqlstate::feature_not_supported,
                   "the server requires a SCRAM extension, and none is supported");
  }
  Attributes attributes(message);
  auto nonce = take_nonce(sender, attributes);
  if (!nonce) return std::unexpected(std::move(nonce.error()));
  const auto salt_base64 = attributes.take('s');
  if (!salt_base64) return malformed(sender, "no salt (s=) in its place");
  auto salt = base64_decode(*salt_base64);
  if (!salt) return malformed(sender, "the salt is not base64");
  if (salt->empty()) return malformed(sender, "the salt is empty");
  const auto iterations_text = attributes.take('i');
  if (!iterations_text) return malformed(sender, "no iteration count (i=) in its place");
  if (!attributes.at_end()) return malformed(sender, "bytes after the iteration count");
  auto iterations = iterations_of(*iterations_text);
  if (!iterations) return std::unexpected(std::move(iterations.error()));
  return ServerFirst{.nonce = *nonce, .salt = *std::move(salt), .iterations = *iterations};
}

std::expected<ClientFinal, PgError> parse_client_final(std::string_view message) {
  constexpr Sender sender = Sender::client;
  if (auto fit = check_size_and_nul(sender, message); !fit) {
    return std::unexpected(std::move(fit.error()));
  }
  Attributes attributes(message);
  const auto binding = attributes.take('c');
  if (!binding) return malformed(sender, "no channel binding (c=) in its place");
  auto nonce = take_nonce(sender, attributes);
  if (!nonce) return std::unexpected(std::move(nonce.error()));
  const auto proof_base64 = attributes.take('p');
  if (!proof_base64) return malformed(sender, "no proof (p=) in its place");
  if (!attributes.at_end()) return malformed(sender, "bytes after the proof");
  const auto proof = digest_of(*proof_base64);
  if (!proof) return malformed(sender, "the proof is not 32 bytes in base64");
  const auto proof_at = static_cast<std::size_t>(nonce->data() + nonce->size() - message.data());
  return ClientFinal{.without_proof = message.substr(0, proof_at),
                     .binding_base64 = *binding,
                     .nonce = *nonce,
                     .proof = *proof};
}

std::expected<ServerFinal, PgError> parse_server_final(std::string_view message) {
  constexpr Sender sender = Sender::server;
  if (auto fit = check_size_and_nul(sender, message); !fit) {
    return std::unexpected(std::move(fit.error()));
  }
  if (message.starts_with("e=")) {
    // RFC 5802's values are short words; anything longer or odd is not worth showing.
    const std::string_view why = message.substr(2);
    const bool showable = !why.empty() && why.size() <= 64 && is_printable(why);
    return refused(sender, sqlstate::connection_failure,
                   join("the server ended the SCRAM exchange: ", showable ? why : "no reason"));
  }
  Attributes attributes(message);
  const auto signature_base64 = attributes.take('v');
  if (!signature_base64) return malformed(sender, "no server signature (v=) in its place");
  if (!attributes.at_end()) return malformed(sender, "bytes after the server signature");
  const auto signature = digest_of(*signature_base64);
  if (!signature) return malformed(sender, "the server signature is not 32 bytes in base64");
  return ServerFinal{*signature};
}

}  // namespace pgweir::auth
