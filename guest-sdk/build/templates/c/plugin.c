// Counts the words and the lines of a text. The build writes
// `bindings/plugin.h`: it declares what `wit/world.wit` exports.
#include <ctype.h>

#include "plugin.h"

bool exports_local_plugin_tools_count(plugin_string_t *text,
                                      exports_local_plugin_tools_counts_t *counts,
                                      plugin_string_t *error) {
  if (text->len == 0) {
    plugin_string_dup(error, "the text is empty");
    return false;
  }
  bool in_word = false, in_line = false;
  *counts = (exports_local_plugin_tools_counts_t){0};
  for (size_t i = 0; i < text->len; i++) {
    bool space = isspace(text->ptr[i]);
    counts->words += !space && !in_word;
    counts->lines += !in_line;
    in_word = !space;
    in_line = text->ptr[i] != '\n';
  }
  plugin_string_free(text);
  return true;
}
