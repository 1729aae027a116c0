#pragma once

// zlib's macros, as functions that Swift can call.

#include <string.h>
#include <zlib.h>

/// Bits of the window, plus 16 for gzip's wrapping (zlib.h, inflateInit2).
static inline int czlib_inflate_create(z_stream *stream, int is_gzip) {
  memset(stream, 0, sizeof *stream);
  return inflateInit2(stream, is_gzip ? 15 + 16 : 15);
}

static inline int czlib_gzip_create(z_stream *stream, int level) {
  memset(stream, 0, sizeof *stream);
  return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
