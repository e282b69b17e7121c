// The auth file, as PgBouncer's userlist.txt: lines of "user" "secret", where "" within a name or a
// secret is one quotation mark. A line that begins with ; is a comment; further quoted texts on a
// line are ignored (old PostgreSQL wrote them). A secret that is empty is none at all.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"
#include "config/secret.h"

namespace pgweir::config {

struct ListedUser {
  std::string name;
  Secret secret;
  int line;
};

// Users in the file's order, each once; broken lines are problems that tell the line and nothing
// of its content.
std::vector<ListedUser> parse_userlist(std::string_view text, const std::string& file,
                                       Problems& problems);

}  // namespace pgweir::config
