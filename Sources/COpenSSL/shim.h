#pragma once

// What Swift cannot call in OpenSSL 3 as it stands: macros, variadic functions and callbacks. No decision is made here
// but those that a callback must make.

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

/// Keys of session tickets (RFC 5077): the present ones first, then those before, which only open.
struct copenssl_ticket_keys {
  unsigned char name[2][16];
  unsigned char cipher[2][32];
  unsigned char digest[2][32];
};

/// What became of a read, a write or a handshake.
enum copenssl_outcome {
  COPENSSL_WANTS_READ = -1,
  COPENSSL_WANTS_WRITE = -2,
  /// The peer has sent close_notify, or its TCP stream has ended.
  COPENSSL_ENDED = -3,
  /// The first bytes are an HTTP request, not TLS.
  COPENSSL_PLAIN_HTTP = -4,
  COPENSSL_FAILED = -5,
};

static inline SSL_CTX *copenssl_context_create(void) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (!context) return NULL;
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_SSLv3);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_session_id_context(context, (const unsigned char *)"martlet", 7);
  return context;
}

/// `version` is 12 or 13.
static inline int copenssl_context_set_minimum(SSL_CTX *context, int version) {
  return SSL_CTX_set_min_proto_version(context, version >= 13 ? TLS1_3_VERSION : TLS1_2_VERSION);
}

static inline int copenssl_context_set_groups(SSL_CTX *context, const char *names) {
  return (int)SSL_CTX_set1_groups_list(context, names);
}

static inline void copenssl_context_set_lifetime(SSL_CTX *context, long seconds) {
  SSL_CTX_set_timeout(context, seconds);
}

/// Takes http/1.1 where the client offers it (RFC 7301); else the client learns that there is nothing in common.
static inline int copenssl_select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                                           const unsigned char *offered, unsigned int offered_length, void *argument) {
  static const unsigned char ours[] = "\x08http/1.1";
  (void)ssl;
  (void)argument;
  int result = SSL_select_next_proto((unsigned char **)out, out_length, ours, sizeof ours - 1, offered, offered_length);
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static inline void copenssl_context_offer_http(SSL_CTX *context) {
  SSL_CTX_set_alpn_select_cb(context, copenssl_select_protocol, NULL);
}

/// SSL_CTX_set_tlsext_ticket_key_evp_cb(3): AES-256-CBC and HMAC-SHA256 with the keys at the context's application data.
static inline int copenssl_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                                      EVP_MAC_CTX *digest, int is_encrypting) {
  const struct copenssl_ticket_keys *keys = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  int which = 0;
  if (!keys) return 0;
  if (is_encrypting) {
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) <= 0) return -1;
    memcpy(name, keys->name[0], 16);
  } else {
    while (which < 2 && memcmp(name, keys->name[which], 16) != 0) which++;
    if (which == 2) return 0;
  }
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)keys->digest[which], 32),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
      OSSL_PARAM_construct_end(),
  };
  if (!EVP_MAC_CTX_set_params(digest, parameters)) return -1;
  int done = is_encrypting ? EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys->cipher[which], iv)
                           : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys->cipher[which], iv);
  if (!done) return -1;
  // 2: the ticket is good, and a new one under the present keys is due.
  return which == 0 ? 1 : 2;
}

/// `keys` must outlive the context.
static inline void copenssl_context_set_tickets(SSL_CTX *context, struct copenssl_ticket_keys *keys) {
  SSL_CTX_set_app_data(context, keys);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, copenssl_ticket_key);
}

static inline int copenssl_random(unsigned char *bytes, int count) { return RAND_bytes(bytes, count); }

/// `digest` takes 32 bytes.
static inline int copenssl_sha256(const unsigned char *bytes, size_t count, unsigned char *digest) {
  return EVP_Q_digest(NULL, "SHA256", NULL, bytes, count, digest, NULL);
}

/// HMAC with SHA-256 (RFC 2104); `digest` takes 32 bytes.
static inline int copenssl_hmac_sha256(const unsigned char *key, size_t key_count, const unsigned char *bytes, size_t count,
                                       unsigned char *digest) {
  size_t length = 0;
  return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, key_count, bytes, count, digest, 32, &length) != NULL;
}

static inline SSL *copenssl_session_create(SSL_CTX *context, int descriptor) {
  SSL *ssl = SSL_new(context);
  if (!ssl) return NULL;
  if (!SSL_set_fd(ssl, descriptor)) {
    SSL_free(ssl);
    return NULL;
  }
  SSL_set_accept_state(ssl);
  return ssl;
}

static inline int64_t copenssl_outcome(SSL *ssl, int result) {
  switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ: return COPENSSL_WANTS_READ;
    case SSL_ERROR_WANT_WRITE: return COPENSSL_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN: return COPENSSL_ENDED;
    default: break;
  }
  int reason = ERR_GET_REASON(ERR_peek_error());
  ERR_clear_error();
  if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) return COPENSSL_ENDED;
  if (reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST) return COPENSSL_PLAIN_HTTP;
  return COPENSSL_FAILED;
}

/// Reads decrypted bytes, and does the handshake first where it is due. At least 1, or a copenssl_outcome.
static inline int64_t copenssl_read(SSL *ssl, void *bytes, size_t count) {
  size_t done = 0;
  ERR_clear_error();
  int result = SSL_read_ex(ssl, bytes, count, &done);
  return result > 0 ? (int64_t)done : copenssl_outcome(ssl, result);
}

/// Writes bytes as one record or more. At least 1, or a copenssl_outcome.
static inline int64_t copenssl_write(SSL *ssl, const void *bytes, size_t count) {
  size_t done = 0;
  ERR_clear_error();
  int result = SSL_write_ex(ssl, bytes, count, &done);
  return result > 0 ? (int64_t)done : copenssl_outcome(ssl, result);
}

/// Sends close_notify, if the handshake is done and nothing has failed.
static inline void copenssl_end(SSL *ssl) {
  ERR_clear_error();
  if (SSL_is_init_finished(ssl)) SSL_shutdown(ssl);
  ERR_clear_error();
}

/// The newest error's words, and no errors after it. `text` takes `count` bytes, NUL among them.
static inline void copenssl_take_error(char *text, size_t count) {
  unsigned long error = ERR_peek_last_error();
  const char *reason = ERR_reason_error_string(error);
  strncpy(text, reason ? reason : "unknown error", count - 1);
  text[count - 1] = 0;
  ERR_clear_error();
}
