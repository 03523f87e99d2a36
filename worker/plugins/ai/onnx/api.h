/* ONNX Runtime, as much of its C interface as is used here, found and opened when the first job
 * needs it: the plugin is not linked with it, for half of its jobs do without.
 *
 * The interface is one table of functions in an order that never changes; a version adds to its
 * end. All that is named here has been there since version 5 of it, so each release since 1.11 (the
 * version that is asked for) will do. `tests/interop/ai_infer.test.mjs` compares what the functions
 * give with onnxruntime's own binding for Node. */
#ifndef AI_ONNX_API_H
#define AI_ONNX_API_H

#include <stddef.h>
#include <stdint.h>

#include "cartrita/sdk/error.h"

#define ONNX_API_VERSION 11u

struct onnx_status; /* NULL: it went well */
struct onnx_env;
struct onnx_session;
struct onnx_options;
struct onnx_run_options;
struct onnx_value;
struct onnx_type;
struct onnx_tensor_info;
struct onnx_memory;
struct onnx_allocator;

enum { ONNX_LOG_FATAL = 4 };
enum { ONNX_KIND_TENSOR = 1 };
enum { ONNX_ALLOCATOR_DEVICE = 0, ONNX_MEMORY_DEFAULT = 0 };

/* X(slot in the table, what it returns, name here, arguments) */
#define ONNX_FUNCTIONS(X)                                                                          \
    X(2, const char *, message, (const struct onnx_status *status))                                \
    X(3, struct onnx_status *, create_env, (int level, const char *id, struct onnx_env **out))     \
    X(7, struct onnx_status *, create_session,                                                     \
      (const struct onnx_env *env, const char *path, const struct onnx_options *options,           \
       struct onnx_session **out))                                                                 \
    X(9, struct onnx_status *, run,                                                                \
      (struct onnx_session * session, const struct onnx_run_options *options,                      \
       const char *const *input_names, const struct onnx_value *const *inputs, size_t input_count, \
       const char *const *output_names, size_t output_count, struct onnx_value **outputs))         \
    X(10, struct onnx_status *, create_options, (struct onnx_options * *out))                      \
    X(17, struct onnx_status *, disable_pattern, (struct onnx_options * options))                  \
    X(24, struct onnx_status *, set_intra_threads, (struct onnx_options * options, int count))     \
    X(30, struct onnx_status *, input_count, (const struct onnx_session *session, size_t *out))    \
    X(31, struct onnx_status *, output_count, (const struct onnx_session *session, size_t *out))   \
    X(33, struct onnx_status *, input_type,                                                        \
      (const struct onnx_session *session, size_t index, struct onnx_type **out))                  \
    X(34, struct onnx_status *, output_type,                                                       \
      (const struct onnx_session *session, size_t index, struct onnx_type **out))                  \
    X(36, struct onnx_status *, input_name,                                                        \
      (const struct onnx_session *session, size_t index, struct onnx_allocator *allocator,         \
       char **out))                                                                                \
    X(37, struct onnx_status *, output_name,                                                       \
      (const struct onnx_session *session, size_t index, struct onnx_allocator *allocator,         \
       char **out))                                                                                \
    X(39, struct onnx_status *, create_run_options, (struct onnx_run_options * *out))              \
    X(46, struct onnx_status *, terminate, (struct onnx_run_options * options))                    \
    X(48, struct onnx_status *, create_tensor,                                                     \
      (struct onnx_allocator * allocator, const int64_t *shape, size_t rank, int type,             \
       struct onnx_value **out))                                                                   \
    X(49, struct onnx_status *, wrap_tensor,                                                       \
      (const struct onnx_memory *memory, void *bytes, size_t len, const int64_t *shape,            \
       size_t rank, int type, struct onnx_value **out))                                            \
    X(50, struct onnx_status *, is_tensor, (const struct onnx_value *value, int *out))             \
    X(51, struct onnx_status *, tensor_bytes, (struct onnx_value * value, void **out))             \
    X(52, struct onnx_status *, fill_strings,                                                      \
      (struct onnx_value * value, const char *const *texts, size_t count))                         \
    X(53, struct onnx_status *, strings_len, (const struct onnx_value *value, size_t *out))        \
    X(54, struct onnx_status *, strings_content,                                                   \
      (const struct onnx_value *value, void *bytes, size_t len, size_t *offsets, size_t count))    \
    X(55, struct onnx_status *, tensor_info_of,                                                    \
      (const struct onnx_type *type, const struct onnx_tensor_info **out))                         \
    X(56, struct onnx_status *, kind_of, (const struct onnx_type *type, int *out))                 \
    X(60, struct onnx_status *, element_type, (const struct onnx_tensor_info *info, int *out))     \
    X(61, struct onnx_status *, rank, (const struct onnx_tensor_info *info, size_t *out))          \
    X(62, struct onnx_status *, dims,                                                              \
      (const struct onnx_tensor_info *info, int64_t *out, size_t rank))                            \
    X(63, struct onnx_status *, symbols,                                                           \
      (const struct onnx_tensor_info *info, const char **out, size_t rank))                        \
    X(65, struct onnx_status *, shape_of,                                                          \
      (const struct onnx_value *value, struct onnx_tensor_info **out))                             \
    X(69, struct onnx_status *, create_memory,                                                     \
      (int allocator, int kind, struct onnx_memory **out))                                         \
    X(76, struct onnx_status *, allocator_free, (struct onnx_allocator * allocator, void *bytes))  \
    X(78, struct onnx_status *, default_allocator, (struct onnx_allocator * *out))                 \
    X(92, void, release_env, (struct onnx_env * env))                                              \
    X(93, void, release_status, (struct onnx_status * status))                                     \
    X(94, void, release_memory, (struct onnx_memory * memory))                                     \
    X(95, void, release_session, (struct onnx_session * session))                                  \
    X(96, void, release_value, (struct onnx_value * value))                                        \
    X(97, void, release_run_options, (struct onnx_run_options * options))                          \
    X(98, void, release_type, (struct onnx_type * type))                                           \
    X(99, void, release_tensor_info, (struct onnx_tensor_info * info))                             \
    X(100, void, release_options, (struct onnx_options * options))

#define ONNX_MEMBER(slot, result, name, arguments) result(*name) arguments;

struct onnx_api {
    ONNX_FUNCTIONS(ONNX_MEMBER)
    const char *version; /* of the library, such as "1.21.0" */
    char *path;          /* owned: where it was found */
    /* Made once, for all sessions. */
    struct onnx_env *env;
    struct onnx_memory *memory;
    struct onnx_allocator *allocator; /* borrowed: the library's */
};

/* Opens the library: `place` (a file, a directory that holds it, or one with node_modules), or
 * where it usually lies when that is NULL. Errors are permanent ("RuntimeMissing") and say what to
 * install. Free with onnx_api_close; the library itself stays loaded. */
bool onnx_api_open(const char *place, struct onnx_api **out, struct sdk_error *error);
void onnx_api_close(struct onnx_api *api);

/* True when `status` is NULL. Else the error is permanent ("ModelError") and has its text; the
 * status is released. */
bool onnx_ok(const struct onnx_api *api, struct onnx_status *status, struct sdk_error *error);

#endif
