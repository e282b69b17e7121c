// Both roles of SCRAM against each other, with the toy vault on both sides.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <functional>

#include "core/auth/base64.h"
#include "core/auth/scram_client.h"
#include "core/auth/scram_server.h"
#include "sim/toy_vault.h"

namespace pgweir::auth {
namespace {

using sim::ToyVault;

// What stands between the two: message 0 to 3 of the exchange, to be changed on its way.
using Wire = std::function<void(int message, std::string& text)>;

struct Parameters {
  std::string server_password;
  std::string client_password;
  std::string salt;
  std::uint32_t iterations;
  std::uint64_t seed;
};

struct Outcome {
  bool client_accepted = false;  // by our server
  bool server_accepted = false;  // by our client
};

Outcome converse(const Parameters& with, const Wire& wire) {
  Outcome outcome;
  ToyVault server_vault(with.seed);
  const CredentialId verifier = server_vault.add(
      SecretKind::scram_verifier,
      ToyVault::scram_verifier(with.server_password, bytes_of(with.salt), with.iterations));
  ToyVault client_vault(with.seed + 1);
  const CredentialId password = client_vault.add(SecretKind::plain, with.client_password);
  ScramServer server(verifier, "ann");
  ScramClient client(password);

  std::string text = client.first(client_vault);
  wire(0, text);
  const auto challenge = server.first(text, server_vault);
  if (!challenge) return outcome;
  text = *challenge;
  wire(1, text);
  const auto derivation = client.challenged(text);
  if (!derivation) return outcome;
  client_vault.derive(password, derivation->salt, derivation->iterations);
  text = client.final(client_vault);
  wire(2, text);
  const auto answer = server.final(text, server_vault);
  if (!answer) return outcome;
  outcome.client_accepted = true;
  text = *answer;
  wire(3, text);
  outcome.server_accepted = client.finished(text, client_vault).has_value();
  return outcome;
}

rc::Gen<Parameters> parameters(rc::Gen<std::string> salt) {
  return rc::gen::build<Parameters>(
      rc::gen::set(&Parameters::server_password), rc::gen::set(&Parameters::client_password),
      rc::gen::set(&Parameters::salt, rc::gen::nonEmpty(std::move(salt))),
      rc::gen::set(&Parameters::iterations, rc::gen::inRange<std::uint32_t>(1, 1'000'001)),
      rc::gen::set(&Parameters::seed));
}

// Deletes, doubles or changes one byte, or cuts the message off there; sometimes does it again.
void mutate(std::string& text) {
  const int times = *rc::gen::inRange(1, 4);
  for (int i = 0; i < times && !text.empty(); ++i) {
    const std::size_t at = *rc::gen::inRange<std::size_t>(0, text.size());
    switch (*rc::gen::inRange(0, 4)) {
      case 0: text.erase(at, 1); break;
      case 1: text.insert(at, 1, text[at]); break;
      case 2: text[at] = *rc::gen::arbitrary<char>(); break;
      default: text.resize(at); break;
    }
  }
}

void check(const rc::Gen<Parameters>& generator,
           const std::function<void(const Parameters&)>& property) {
  EXPECT_TRUE(rc::check([&] { property(*generator); }))
      << "rerun with the RC_PARAMS that rapidcheck printed above";
}

const rc::Gen<Parameters> any_parameters = parameters(rc::gen::arbitrary<std::string>());
const Wire unchanged = [](int, std::string&) {};

TEST(Scram, succeeds_with_equal_passwords) {
  check(any_parameters, [](Parameters with) {
    with.client_password = with.server_password;
    const Outcome outcome = converse(with, unchanged);
    RC_ASSERT((outcome.client_accepted && outcome.server_accepted));
  });
}

TEST(Scram, fails_with_different_passwords) {
  check(any_parameters, [](const Parameters& with) {
    RC_PRE(with.client_password != with.server_password);
    RC_ASSERT(!converse(with, unchanged).client_accepted);
  });
}

TEST(Scram, never_accepts_a_wrong_password_whatever_is_changed_on_the_way) {
  check(any_parameters, [](const Parameters& with) {
    RC_PRE(with.client_password != with.server_password);
    const int target = *rc::gen::inRange(0, 4);
    const Outcome outcome = converse(with, [&](int message, std::string& text) {
      if (message == target) mutate(text);
    });
    RC_ASSERT((!outcome.client_accepted && !outcome.server_accepted));
  });
}

TEST(Scram, notices_every_change_on_the_way_even_when_the_passwords_are_equal) {
  check(any_parameters, [](Parameters with) {
    with.client_password = with.server_password;
    const int target = *rc::gen::inRange(0, 4);
    const Outcome outcome = converse(with, [&](int message, std::string& text) {
      if (message != target) return;
      const std::string before = text;
      mutate(text);
      RC_PRE(text != before);
    });
    RC_ASSERT(!outcome.server_accepted);
    if (target != 3) RC_ASSERT(!outcome.client_accepted);
  });
}

TEST(Scram, refuses_whatever_bytes_it_is_sent) {
  EXPECT_TRUE(rc::check([](const std::string& bytes) {
    ToyVault vault(1);
    ScramServer server(no_credential, "ann");
    RC_ASSERT(server.first("n,,n=,r=abc", vault).has_value());
    RC_ASSERT(!server.final(bytes, vault));
    RC_ASSERT(!ScramServer(no_credential, "ann").first(bytes, vault));
    ScramClient client(no_credential);
    (void)client.first(vault);
    RC_ASSERT(!client.challenged(bytes));
    (void)offers_scram_sha_256(bytes_of(bytes));
  }));
}

TEST(Base64, gives_back_what_was_encoded) {
  EXPECT_TRUE(rc::check([](const std::string& bytes) {
    const auto decoded = base64_decode(base64_encode(bytes_of(bytes)));
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(std::string(text_of(*decoded)) == bytes);
  }));
}

TEST(Base64, decodes_a_changed_text_only_when_it_is_canonical) {
  EXPECT_TRUE(rc::check([](const std::string& bytes) {
    std::string text = base64_encode(bytes_of(bytes));
    RC_PRE(!text.empty());
    mutate(text);
    const auto decoded = base64_decode(text);
    // In its own parentheses: RC_ASSERT evaluates both sides of || and && otherwise.
    RC_ASSERT((!decoded || base64_encode(*decoded) == text));
  }));
}

}  // namespace
}  // namespace pgweir::auth
