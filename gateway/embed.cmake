# cmake -D input=FILE -D output=FILE.c -D name=NAME -P embed.cmake
# Writes the file's bytes as `const uint8_t NAME[]` and `const size_t NAME_len`.
file(READ ${input} bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR len "${digits} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${output}
  "#include <stddef.h>\n#include <stdint.h>\n\n"
  "extern const uint8_t ${name}[];\nextern const size_t ${name}_len;\n"
  "const uint8_t ${name}[] = {\n${bytes}\n};\nconst size_t ${name}_len = ${len};\n")
