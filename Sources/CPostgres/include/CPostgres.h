/// libpq as far as history needs it, found at run time: the program runs on machines without it, and needs no header of it to
/// be built. Types, names and meanings are those of PostgreSQL's documentation, chapter "libpq".
#ifndef MARTLET_CPOSTGRES_H
#define MARTLET_CPOSTGRES_H

#include <stdbool.h>

/// A connection; opaque.
typedef struct pg_conn martlet_pg_connection;
/// What a statement gave; opaque.
typedef struct pg_result martlet_pg_result;

/// Loads libpq.so.5. Gives NULL when that went well, or has been done before; else dlerror's text.
const char *martlet_pg_load(void);

/// PQconnectdb. Call martlet_pg_load first.
martlet_pg_connection *martlet_pg_connect(const char *info);

/// Whether PQstatus is CONNECTION_OK.
bool martlet_pg_is_connected(const martlet_pg_connection *connection);

/// PQerrorMessage.
const char *martlet_pg_error_message(const martlet_pg_connection *connection);

/// PQfinish.
void martlet_pg_finish(martlet_pg_connection *connection);

/// PQexecParams with parameters and results as text; with no parameters PQexec, which takes several statements.
martlet_pg_result *martlet_pg_execute(martlet_pg_connection *connection, const char *statement, int count,
                                      const char *const *values);

/// Whether PQresultStatus is PGRES_COMMAND_OK or PGRES_TUPLES_OK.
bool martlet_pg_is_good(const martlet_pg_result *result);

/// PQresultErrorField(PG_DIAG_SQLSTATE): five letters, or NULL.
const char *martlet_pg_state(const martlet_pg_result *result);

/// PQntuples.
int martlet_pg_row_count(const martlet_pg_result *result);

/// PQnfields.
int martlet_pg_column_count(const martlet_pg_result *result);

/// PQgetvalue, NULL where PQgetisnull says so.
const char *martlet_pg_value(const martlet_pg_result *result, int row, int column);

/// PQclear.
void martlet_pg_clear(martlet_pg_result *result);

#endif
