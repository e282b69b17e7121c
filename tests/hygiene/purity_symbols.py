"""Purity by symbols: core's objects ask the linker for nothing but what is listed here, and hold no
variable that can be written.

usage: purity_symbols.py libcore.a
"""

import re
import subprocess
import sys

import tree

# What pure code may call, demangled. A clock, a file, a socket, randomness, the environment, the
# locale and threads are missing on purpose.
ALLOWED = [
    # Memory, and what the standard library's containers and strings are made of.
    r"operator (?:new|delete)(?:\[\])?\(.*\)",
    r"(?:__)?(?:memcpy|memmove|memset)(?:_chk)?|memcmp|bcmp|memchr|strlen",
    r"std::__cxx11::basic_string<char, .*>::.*",
    r"std::allocator<char>::.*",
    r"std::_Rb_tree_(?:increment|decrement|insert_and_rebalance|rebalance_for_erase)\(.*\)",
    r"std::__detail::_List_node_base::.*",
    r"std::(?:to_chars|from_chars)\(.*\)",
    # Failing: exceptions of the library, assertions, the stack protector.
    r"std::__throw_\w+\(.*\)|std::terminate\(\)|std::__glibcxx_assert_fail\(.*\)|abort",
    r"(?:typeinfo|vtable|typeinfo name) for (?:std::|__cxxabiv1::).*",
    r"std::(?:exception|logic_error|runtime_error|bad_\w+|length_error|out_of_range)::.*",
    r"__cxa_(?:begin_catch|end_catch|throw|rethrow|allocate_exception|free_exception|pure_virtual|"
    r"throw_bad_array_new_length|bad_cast)|_Unwind_Resume|__gxx_personality_v0|__stack_chk_fail",
    # The two assertions' endings, which whoever runs the core defines.
    r"pgweir::(?:require|check)_failed\(pgweir::Failure const&\)",
    # Position independent code.
    r"_GLOBAL_OFFSET_TABLE_",
]
ALLOWED_RE = re.compile("|".join(f"(?:{pattern})" for pattern in ALLOWED))

WRITABLE_SECTION = re.compile(r"\.(?:t?bss|t?data)(?!\.rel\.ro)")

ADVICE = """core/ must be pure (docs/architecture.md says why).
Calls: make it an effect that an event answers, or take it from the vault; when it is pure after
all, add it to ALLOWED in tests/hygiene/purity_symbols.py.
Variables: make it constexpr or const, or a member of the machine. Write the type of a constexpr
std::array: GCC 12 leaves one whose type it deduced among the writable data."""


def symbols(archive):
    """(object, name, section) of each symbol; the section of an undefined one is *UND*."""
    text = subprocess.run(
        ["nm", "-C", "-f", "sysv", archive], capture_output=True, text=True, check=True
    ).stdout
    member = str(archive)
    for line in text.splitlines():
        if match := re.match(r".* from (?:.*\[)?([^\]]+?)\]?:$", line):
            member = match.group(1)
        # A demangled name may hold bars itself, so the fields are counted from the right.
        fields = line.rsplit("|", 6)
        if len(fields) == 7 and not line.startswith("Name "):
            yield member, fields[0].strip(), fields[6].strip()


def complaints_about(archive):
    """Each named: the undefined symbols that are not allowed, the variables that can be written."""
    all_symbols = list(symbols(archive))
    defined = {name for _, name, section in all_symbols if section != "*UND*"}
    found = set()
    for member, name, section in all_symbols:
        if section == "*UND*":
            if name not in defined and not ALLOWED_RE.fullmatch(name):
                found.add(f"{member}: calls or refers to {name}")
        elif WRITABLE_SECTION.match(section) and name not in (".data", ".bss", ".tdata", ".tbss"):
            if not name.startswith("DW.ref."):
                found.add(f"{member}: holds a variable that can be written: {name}")
    if not all_symbols:
        found.add(f"{archive}: holds no symbols at all")
    return sorted(found)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tree.finish(complaints_about(sys.argv[1]), ADVICE)
