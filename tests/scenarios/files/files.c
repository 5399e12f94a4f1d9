// An ordinary program over files: what it is told line by line, with nothing
// but the C library. Each line gives one line: `ok`, with what was found, or
// the error as the C library words it.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *out;
static size_t used, room;

static void put(const char *text, size_t length) {
  if (used + length + 1 > room) {
    room = 2 * (used + length + 1);
    out = realloc(out, room);
  }
  memcpy(out + used, text, length);
  used += length;
}

static void say(const char *format, ...) {
  char text[512];
  va_list list;
  va_start(list, format);
  int length = vsnprintf(text, sizeof text, format, list);
  va_end(list);
  put(text, length < (int)sizeof text ? length : (int)sizeof text - 1);
}

static void told(int failed) {
  if (failed) say("%s\n", strerror(errno));
  else say("ok\n");
}

static void read_all(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) return told(1);
  char chunk[1000];
  size_t got;
  say("ok ");
  while ((got = fread(chunk, 1, sizeof chunk, file)) > 0) put(chunk, got);
  if (ferror(file)) say("%s", strerror(errno));
  say("\n");
  fclose(file);
}

static void write_all(const char *path, const char *mode, const char *text, long times) {
  FILE *file = fopen(path, mode);
  if (!file) return told(1);
  int failed = 0, error = 0;
  for (long i = 0; i < times && !failed; i++) failed = fputs(text, file) < 0;
  error = errno;
  if (fclose(file) != 0) failed = 1, error = errno;
  errno = error;
  told(failed);
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void list(const char *path) {
  DIR *dir = opendir(path);
  if (!dir) return told(1);
  char *names[1000];
  size_t count = 0;
  struct dirent *entry;
  errno = 0;
  while (count < 1000 && (entry = readdir(dir))) {
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
      names[count++] = strdup(entry->d_name);
  }
  int failed = errno;
  closedir(dir);
  if (failed) { errno = failed; return told(1); }
  qsort(names, count, sizeof *names, by_name);
  say("ok");
  for (size_t i = 0; i < count; i++) say(" %s", names[i]);
  say("\n");
}

static void look(const char *path) {
  struct stat stat;
  if (lstat(path, &stat)) return told(1);
  const char *kind = S_ISDIR(stat.st_mode) ? "directory" : S_ISLNK(stat.st_mode) ? "link" : "file";
  if (S_ISDIR(stat.st_mode)) say("ok directory\n");
  else say("ok %s %lld\n", kind, (long long)stat.st_size);
}

static void line(char *text) {
  char *verb = strtok(text, " ");
  char *one = strtok(NULL, " "), *two = strtok(NULL, " "), *three = strtok(NULL, " ");
  if (!verb) return;
  one = one ? one : "";
  two = two ? two : "";
  errno = 0;
  if (!strcmp(verb, "read")) read_all(one);
  else if (!strcmp(verb, "write")) write_all(one, "w", two, three ? atol(three) : 1);
  else if (!strcmp(verb, "append")) write_all(one, "a", two, three ? atol(three) : 1);
  else if (!strcmp(verb, "list")) list(one);
  else if (!strcmp(verb, "stat")) look(one);
  else if (!strcmp(verb, "mkdir")) told(mkdir(one, 0777));
  else if (!strcmp(verb, "rmdir")) told(rmdir(one));
  else if (!strcmp(verb, "rm")) told(unlink(one));
  else if (!strcmp(verb, "mv")) told(rename(one, two));
  else if (!strcmp(verb, "link")) told(link(one, two));
  else if (!strcmp(verb, "symlink")) told(symlink(one, two));
  else if (!strcmp(verb, "truncate")) told(truncate(one, atol(two)));
  else say("no such verb\n");
}

struct text { char *at; size_t length; };

__attribute__((export_name("cabi_realloc")))
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
  (void)old_size, (void)align;
  return size ? realloc(old, size) : (void *)align;
}

__attribute__((export_name("run")))
struct text *run(char *script, size_t length) {
  static struct text result;
  char *copy = malloc(length + 1), *rest = copy, *next;
  memcpy(copy, script, length);
  copy[length] = 0;
  used = 0;
  while ((next = strsep(&rest, "\n"))) line(next);
  result.at = out;
  result.length = used;
  return &result;
}
