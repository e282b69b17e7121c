#include "sim/scram.h"

#include <charconv>

#include "sim/toy_vault.h"

namespace pgweir::sim {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view server_salt = "sixteen bytes...";
constexpr std::uint32_t server_iterations = 4096;

std::string base64(Bytes bytes) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned bit_count = 0;
  for (const std::byte byte : bytes) {
    bits = bits << 8 | std::to_integer<std::uint32_t>(byte);
    bit_count += 8;
    while (bit_count >= 6) {
      bit_count -= 6;
      out += alphabet[bits >> bit_count & 63];
    }
  }
  if (bit_count > 0) out += alphabet[bits << (6 - bit_count) & 63];
  while (out.size() % 4 != 0) out += '=';
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned bit_count = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (const char c : text) {
    const std::size_t digit = alphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    out += static_cast<char>(bits >> bit_count & 0xff);
  }
  return out;
}

// The value of one attribute: "r=abc,s=def" has abc at r.
std::optional<std::string> attribute(std::string_view text, char name) {
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    if (item.size() >= 2 && item[0] == name && item[1] == '=') return std::string(item.substr(2));
    text.remove_prefix(item.size() < text.size() ? item.size() + 1 : item.size());
  }
  return std::nullopt;
}

std::string without_proof(std::string_view client_final) {
  return std::string(client_final.substr(0, client_final.rfind(",p=")));
}

}  // namespace

std::optional<std::string> ScramServer::first(std::string_view client_first) {
  const bool unbound = client_first.starts_with("n,,") || client_first.starts_with("y,,");
  const auto nonce = attribute(client_first, 'r');
  if (!unbound || !nonce || nonce->empty()) return std::nullopt;
  nonce_ = *nonce + "3rfcNHYJY1ZVvWVs7j";
  const std::string answer = "r=" + nonce_ + ",s=" + base64(bytes_of(server_salt)) +
                             ",i=" + std::to_string(server_iterations);
  transcript_ = std::string(client_first.substr(3)) + "," + answer;
  return answer;
}

std::optional<std::string> ScramServer::last(std::string_view client_final) const {
  const auto nonce = attribute(client_final, 'r');
  const auto proof = from_base64(attribute(client_final, 'p').value_or(""));
  auth::Digest digest{};
  if (nonce != nonce_ || !proof || proof->size() != digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = std::byte((*proof)[i]);
  const std::string message = transcript_ + "," + without_proof(client_final);
  const Bytes salt = bytes_of(server_salt);
  if (!ToyVault::proof_is_right(password_, salt, server_iterations, message, digest)) {
    return std::nullopt;
  }
  return "v=" + base64(ToyVault::server_signature(password_, salt, server_iterations, message));
}

std::string ScramClient::first() const { return "n,,n=,r=" + nonce_; }

std::optional<std::string> ScramClient::last(std::string_view server_first) {
  const auto nonce = attribute(server_first, 'r');
  const auto salt = from_base64(attribute(server_first, 's').value_or("?"));
  const std::string rounds = attribute(server_first, 'i').value_or("");
  std::uint32_t iterations = 0;
  std::from_chars(rounds.data(), rounds.data() + rounds.size(), iterations);
  if (!nonce || !nonce->starts_with(nonce_) || !salt || iterations == 0) return std::nullopt;
  const std::string bare = "n=,r=" + nonce_;
  const std::string final_bare = "c=biws,r=" + *nonce;
  const std::string message = bare + "," + std::string(server_first) + "," + final_bare;
  signature_ = base64(ToyVault::server_signature(password_, bytes_of(*salt), iterations, message));
  return final_bare +
         ",p=" + base64(ToyVault::client_proof(password_, bytes_of(*salt), iterations, message));
}

bool ScramClient::right(std::string_view server_final) const {
  return !signature_.empty() && server_final == "v=" + signature_;
}

}  // namespace pgweir::sim
