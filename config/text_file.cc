#include "config/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/base/limits.h"
#include "core/base/text.h"

namespace pgweir::config {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<std::string> failed(int error) {
  return std::unexpected(std::generic_category().message(error));
}

}  // namespace

std::expected<TextFile, std::string> read_file(const std::string& path, std::size_t size_max) {
  // A path with a zero byte would open another file than it names.
  if (path.find('\0') != std::string::npos) return failed(ENOENT);
  // Non-blocking, so that opening a pipe by mistake does not hang.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return failed(errno);
  struct stat facts = {};
  if (::fstat(file.get(), &facts) != 0) return failed(errno);
  if (S_ISDIR(facts.st_mode)) return failed(EISDIR);
  if (!S_ISREG(facts.st_mode)) return std::unexpected("Not a regular file");

  TextFile out;
  out.device = facts.st_dev;
  out.inode = facts.st_ino;
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t size = ::read(file.get(), buffer, sizeof buffer);
    if (size == 0) return out;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed(errno);
    if (out.text.size() + static_cast<std::size_t>(size) > size_max) {
      return std::unexpected(join("Longer than ", size_max, " bytes"));
    }
    out.text.append(buffer, static_cast<std::size_t>(size));
  }
}

std::string too_long(std::string_view line) {
  if (line.size() <= limits::settings_line_size_max) return {};
  return join("a line has at most ", limits::settings_line_size_max, " bytes");
}

std::string_view without_byte_order_mark(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text;
}

}  // namespace pgweir::config
