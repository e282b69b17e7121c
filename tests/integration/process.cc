#include "tests/integration/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

namespace pgweir::integration {

namespace {

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "integration: %s\n", why.c_str());
  std::exit(1);
}

// In the child, between fork and exec: system calls only.
[[noreturn]] void become(const Command& command, char* const* arguments, char* const* environment) {
  const int output = open(command.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (output < 0 || input < 0) _exit(125);
  if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) _exit(125);
  if (command.as) {
    const gid_t group = command.as->gid;
    if (setgroups(1, &group) != 0 || setgid(group) != 0 || setuid(command.as->uid) != 0) _exit(125);
  }
  // After setuid, which forgets it.
  prctl(PR_SET_PDEATHSIG, command.death_signal);
  if (chdir(command.folder.c_str()) != 0) _exit(125);
  execvpe(arguments[0], arguments, environment);
  _exit(127);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

int shell_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

std::optional<Account> account_of(const std::string& name) {
  if (geteuid() != 0) return std::nullopt;
  const passwd* entry = getpwnam(name.c_str());
  if (entry == nullptr) give_up("there is no account " + name + "; install postgresql");
  return Account{entry->pw_uid, entry->pw_gid};
}

Process::Process(const Command& command) {
  std::vector<std::string> arguments = command.arguments;
  std::vector<std::string> environment;
  for (const auto& [name, value] : command.environment) environment.push_back(name + "=" + value);
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  const std::vector<char*> argument_pointers = pointers_to(arguments);
  const std::vector<char*> environment_pointers = pointers_to(environment);
  pid_ = fork();
  if (pid_ == 0) become(command, argument_pointers.data(), environment_pointers.data());
  if (pid_ < 0) give_up(std::string("fork: ") + strerror(errno));
}

Process::~Process() {
  if (exit_status()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Process::signal(int number) const {
  // A pid that was waited for may be a stranger's by now.
  if (!status_) kill(pid_, number);
}

std::optional<int> Process::exit_status() {
  int status = 0;
  if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_) status_ = shell_status(status);
  return status_;
}

std::optional<int> Process::wait(Seconds at_most) {
  eventually([&] { return exit_status().has_value(); }, at_most);
  return status_;
}

Outcome run(Command command, Seconds at_most) {
  char path[] = "/tmp/pgweir-output-XXXXXX";
  const int file = mkstemp(path);
  if (file < 0) give_up(std::string("mkstemp: ") + strerror(errno));
  close(file);
  command.output = path;
  Process process(command);
  const int status = process.wait(at_most).value_or(-1);
  Outcome outcome{status, read_file(path)};
  unlink(path);
  return outcome;
}

bool eventually(const std::function<bool()>& condition, Seconds at_most) {
  const auto end = std::chrono::steady_clock::now() + at_most;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return condition();
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void write_file(const std::string& path, const std::string& content) {
  const std::string half = path + ".new";
  std::ofstream file(half, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  if (!file || rename(half.c_str(), path.c_str()) != 0) give_up("cannot write " + path);
}

std::string tail(const std::string& text, int lines) {
  std::size_t start = text.size();
  for (int seen = 0; start > 0; --start) {
    if (text[start - 1] == '\n' && start != text.size() && ++seen == lines) break;
  }
  return text.substr(start);
}

}  // namespace pgweir::integration
