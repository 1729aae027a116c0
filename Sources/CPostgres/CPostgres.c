#include "CPostgres.h"

#include <dlfcn.h>
#include <stddef.h>

/* libpq-fe.h: ConnStatusType, ExecStatusType; postgres_ext.h: PG_DIAG_SQLSTATE. They are part of the library's ABI. */
enum { connection_ok = 0, command_ok = 1, tuples_ok = 2, diagnostic_state = 'C' };

static struct {
  martlet_pg_connection *(*connectdb)(const char *);
  int (*status)(const martlet_pg_connection *);
  char *(*error_message)(const martlet_pg_connection *);
  void (*finish)(martlet_pg_connection *);
  martlet_pg_result *(*exec)(martlet_pg_connection *, const char *);
  martlet_pg_result *(*exec_params)(martlet_pg_connection *, const char *, int, const unsigned int *, const char *const *,
                                    const int *, const int *, int);
  int (*result_status)(const martlet_pg_result *);
  char *(*error_field)(const martlet_pg_result *, int);
  int (*ntuples)(const martlet_pg_result *);
  int (*nfields)(const martlet_pg_result *);
  char *(*getvalue)(const martlet_pg_result *, int, int);
  int (*getisnull)(const martlet_pg_result *, int, int);
  void (*clear)(martlet_pg_result *);
} pq;

static const char *find(void *library, const char *name, void *place) {
  void *symbol = dlsym(library, name);
  if (symbol == NULL) return name;
  /* POSIX has function pointers fit a pointer to void. */
  *(void **)place = symbol;
  return NULL;
}

const char *martlet_pg_load(void) {
  static bool is_loaded = false;
  if (is_loaded) return NULL;
  void *library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return dlerror();
  const struct {
    const char *name;
    void *place;
  } symbols[] = {
      {"PQconnectdb", &pq.connectdb},
      {"PQstatus", &pq.status},
      {"PQerrorMessage", &pq.error_message},
      {"PQfinish", &pq.finish},
      {"PQexec", &pq.exec},
      {"PQexecParams", &pq.exec_params},
      {"PQresultStatus", &pq.result_status},
      {"PQresultErrorField", &pq.error_field},
      {"PQntuples", &pq.ntuples},
      {"PQnfields", &pq.nfields},
      {"PQgetvalue", &pq.getvalue},
      {"PQgetisnull", &pq.getisnull},
      {"PQclear", &pq.clear},
  };
  for (size_t index = 0; index < sizeof symbols / sizeof symbols[0]; index++) {
    const char *missing = find(library, symbols[index].name, symbols[index].place);
    if (missing != NULL) {
      dlclose(library);
      return missing;
    }
  }
  is_loaded = true;
  return NULL;
}

martlet_pg_connection *martlet_pg_connect(const char *info) { return pq.connectdb(info); }

bool martlet_pg_is_connected(const martlet_pg_connection *connection) {
  return connection != NULL && pq.status(connection) == connection_ok;
}

const char *martlet_pg_error_message(const martlet_pg_connection *connection) { return pq.error_message(connection); }

void martlet_pg_finish(martlet_pg_connection *connection) { pq.finish(connection); }

martlet_pg_result *martlet_pg_execute(martlet_pg_connection *connection, const char *statement, int count,
                                      const char *const *values) {
  if (count == 0) return pq.exec(connection, statement);
  return pq.exec_params(connection, statement, count, NULL, values, NULL, NULL, 0);
}

bool martlet_pg_is_good(const martlet_pg_result *result) {
  if (result == NULL) return false;
  int status = pq.result_status(result);
  return status == command_ok || status == tuples_ok;
}

const char *martlet_pg_state(const martlet_pg_result *result) {
  return result == NULL ? NULL : pq.error_field(result, diagnostic_state);
}

int martlet_pg_row_count(const martlet_pg_result *result) { return pq.ntuples(result); }

int martlet_pg_column_count(const martlet_pg_result *result) { return pq.nfields(result); }

const char *martlet_pg_value(const martlet_pg_result *result, int row, int column) {
  return pq.getisnull(result, row, column) ? NULL : pq.getvalue(result, row, column);
}

void martlet_pg_clear(martlet_pg_result *result) { pq.clear(result); }
