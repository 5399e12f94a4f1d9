// What a component needs of a C library. Each call of a tool has a fresh
// instance, so memory is given out from the start to the end: only the block
// that was given out last can grow in its place, or be given back.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern unsigned char __heap_base;

enum { PAGE = 65536, ALIGN = 16 };

// In front of each block.
typedef struct {
  size_t size;
} header;

static uintptr_t end;

static size_t rounded(size_t size) { return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1); }

static int is_last(const void *block) {
  const header *head = (const header *)((uintptr_t)block - ALIGN);
  return (uintptr_t)block + head->size == end;
}

// Whether memory reaches to `to`, or could be made to.
static int reach(uintptr_t to) {
  uintptr_t has = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
  if (to <= has) return 1;
  return __builtin_wasm_memory_grow(0, (to - has + PAGE - 1) / PAGE) != (size_t)-1;
}

void *malloc(size_t size) {
  if (end == 0) end = rounded((uintptr_t)&__heap_base);
  uintptr_t block = end + ALIGN;
  if (size > SIZE_MAX - block - ALIGN || !reach(block + rounded(size))) return NULL;
  ((header *)(block - ALIGN))->size = rounded(size);
  end = block + rounded(size);
  return (void *)block;
}

void free(void *block) {
  if (block != NULL && is_last(block)) end = (uintptr_t)block - ALIGN;
}

void *realloc(void *old, size_t size) {
  if (old == NULL) return malloc(size);
  header *head = (header *)((uintptr_t)old - ALIGN);
  if (size <= head->size) return old;
  if (is_last(old)) {
    uintptr_t block = (uintptr_t)old;
    if (size > SIZE_MAX - block - ALIGN || !reach(block + rounded(size))) return NULL;
    head->size = rounded(size);
    end = block + rounded(size);
    return old;
  }
  void *block = malloc(size);
  if (block != NULL) memcpy(block, old, head->size);
  return block;
}

void *calloc(size_t count, size_t size) {
  size_t all;
  if (__builtin_mul_overflow(count, size, &all)) return NULL;
  void *block = malloc(all);
  // Memory that was given back is not clean.
  return block == NULL ? NULL : memset(block, 0, all);
}

_Noreturn void abort(void) { __builtin_trap(); }

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  unsigned char *t = to;
  const unsigned char *f = from;
  while (size-- > 0) *t++ = *f++;
  return to;
}

void *memmove(void *to, const void *from, size_t size) {
  unsigned char *t = to;
  const unsigned char *f = from;
  if (t <= f)
    while (size-- > 0) *t++ = *f++;
  else
    while (size-- > 0) t[size] = f[size];
  return to;
}

void *memset(void *to, int byte, size_t size) {
  unsigned char *t = to;
  while (size-- > 0) *t++ = (unsigned char)byte;
  return to;
}

int memcmp(const void *a, const void *b, size_t size) {
  const unsigned char *x = a, *y = b;
  for (; size > 0; size--, x++, y++)
    if (*x != *y) return *x - *y;
  return 0;
}

void *memchr(const void *in, int byte, size_t size) {
  const unsigned char *at = in;
  for (; size > 0; size--, at++)
    if (*at == (unsigned char)byte) return (void *)at;
  return NULL;
}

size_t strlen(const char *text) {
  const char *at = text;
  while (*at != '\0') at++;
  return (size_t)(at - text);
}

int strncmp(const char *a, const char *b, size_t size) {
  for (; size > 0; size--, a++, b++) {
    if (*a != *b) return (unsigned char)*a - (unsigned char)*b;
    if (*a == '\0') return 0;
  }
  return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }

char *strchr(const char *text, int character) {
  for (;; text++) {
    if (*text == (char)character) return (char *)text;
    if (*text == '\0') return NULL;
  }
}
