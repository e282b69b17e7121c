#include "sim/timeline.h"

#include <utility>

#include "sim/timeline_html.h"

namespace pgweir::sim {

namespace {

std::string html_text(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 16);
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace

std::string timeline_page(std::string_view title, std::string_view story, std::string_view ending) {
  std::string page;
  std::string_view rest = timeline_html;
  for (const auto& [place, text] : {std::pair("{{title}}", title), std::pair("{{story}}", story),
                                    std::pair("{{ending}}", ending)}) {
    const std::string_view name = place;
    const std::size_t at = rest.find(name);
    page += rest.substr(0, at);
    page += html_text(text);
    rest.remove_prefix(at + name.size());
  }
  page += rest;
  return page;
}

}  // namespace pgweir::sim
