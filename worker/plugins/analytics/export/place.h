/* Where an export goes: a folder that gets its name when it is whole. Called by export.c. */
#ifndef ANALYTICS_EXPORT_PLACE_H
#define ANALYTICS_EXPORT_PLACE_H

#include <stdbool.h>

#include "cartrita/sdk/error.h"
#include "cartrita/sdk/file.h"

#define PLACE_MANIFEST "manifest.json"
#define PLACE_NAME_MAX 200u

struct place {
    int parent;    /* -1: not open */
    int directory; /* the folder being made; -1: none */
    char name[PLACE_NAME_MAX + 1];
    char temporary[PLACE_NAME_MAX + 32];
};

/* Opens what the folder `path` will lie in. */
bool place_open(const struct sdk_roots *roots, const char *path, struct place *place,
                struct sdk_error *error);
/* The manifest of what has this name already (a new reference); NULL: nothing, or none. */
json_t *place_manifest(const struct place *place);
bool place_is_taken(const struct place *place);
/* Begins a fresh folder. */
bool place_begin(struct place *place, struct sdk_error *error);
/* It takes its name, and the place of what has it now. */
bool place_commit(struct place *place, struct sdk_error *error);
/* Removes what was not committed, closes all. */
void place_close(struct place *place);

#endif
