/* Operation `extract`: an archive becomes a directory, all of it or nothing.
 *
 * The archive is taken as written by an enemy. Names that climb out, links that lead out and
 * devices refuse all of it; owners, set-user-ID bits, and extended attributes are not taken over.
 * Symbolic links are made when all else is there, so that nothing can be written through one. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive.h"
#include "archive/tree.h"
#include "cartrita/sdk/text.h"

enum { LINKS_KEEP, LINKS_SKIP, LINKS_REFUSE };

struct extraction {
    struct file_work *work;
    struct sdk_error *error; /* of the call */
    struct reader *reader;
    struct archive_filter filter;
    struct archive_listing listing;
    struct tree tree;
    json_t *links;  /* owned: {name: target}, to be made at the end */
    json_t *made;   /* owned: names of the files, for the next step; NULL: there is none */
    EVP_MD_CTX *md; /* owned; NULL: nobody asks for digests */
    int links_mode;
    int64_t files, directories, skipped;
};

static bool refuse_entry(struct extraction *ex, const char *why)
{
    return sdk_refuse(ex->error, "UnsafeArchiveError",
                      "archive %s: the entry \"%.200s\" %.300s; nothing was extracted",
                      ex->reader->path, reader_name(ex->reader), why);
}

/* --- contents ------------------------------------------------------------------------------------
 */

struct target {
    int fd;
    const char *name;
    EVP_MD_CTX *md; /* NULL: none */
    int64_t end;    /* how far the digest is */
};

/* Holes are zeros to a digest. */
static void digest_zeros(EVP_MD_CTX *md, int64_t count)
{
    static const char zeros[16 * 1024];

    for (; count > 0; count -= (int64_t)sizeof zeros)
        EVP_DigestUpdate(md, zeros, count < (int64_t)sizeof zeros ? (size_t)count : sizeof zeros);
}

static bool write_piece(void *ctx, const void *bytes, size_t len, int64_t offset,
                        struct sdk_error *error)
{
    struct target *target = ctx;

    if (target->md) {
        digest_zeros(target->md, offset - target->end);
        EVP_DigestUpdate(target->md, bytes, len);
    }
    target->end = offset + (int64_t)len;
    for (const char *at = bytes; len > 0;) {
        ssize_t count = pwrite(target->fd, at, len, offset);

        if (count < 0 && errno != EINTR)
            return tree_refuse("writing", target->name, errno, error);
        if (count > 0) {
            at += count;
            offset += count;
            len -= (size_t)count;
        }
    }
    return true;
}

/* What is done with a file once its content is there. */
static bool end_file(struct extraction *ex, struct target *target, int64_t size)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
    unsigned digest_len = 0;
    json_t *json;

    if (ftruncate(target->fd, size) != 0)
        return tree_refuse("writing", target->name, errno, ex->error);
    if (archive_entry_mtime_is_set(ex->reader->entry)) {
        struct timespec times[2] = {{0, UTIME_OMIT}, {archive_entry_mtime(ex->reader->entry), 0}};

        (void)futimens(target->fd, times); /* a time that the file system cannot hold is no loss */
    }
    if (target->md) {
        digest_zeros(target->md, size - target->end);
        EVP_DigestFinal_ex(target->md, digest, &digest_len);
        sdk_hex(digest, digest_len, hex);
    }
    json = json_pack("{s:s, s:I}", "name", target->name, "size", size);
    if (!json)
        json = json_pack("{s:n, s:I}", "name", "size", size);
    if (hex[0])
        (void)json_object_set_new(json, "sha256", json_string(hex));
    archive_listing_add(&ex->listing, json);
    if (ex->made)
        (void)json_object_set_new_nocheck(ex->made, target->name, json_null());
    ex->files++;
    return true;
}

static bool begin_file(struct extraction *ex, const char *name, struct target *target)
{
    bool is_executable = (archive_entry_perm(ex->reader->entry) & 0100) != 0;

    *target = (struct target){.name = name, .md = ex->md};
    if (ex->md)
        EVP_DigestInit_ex(ex->md, EVP_sha256(), NULL);
    target->fd = tree_make_file(&ex->tree, name, is_executable, ex->error);
    return target->fd >= 0;
}

static bool take_file(struct extraction *ex, const char *name)
{
    struct target target;
    int64_t size = 0;
    bool is_done;

    if (!begin_file(ex, name, &target))
        return false;
    is_done = reader_content(ex->reader, write_piece, &target, &size, ex->error) &&
              end_file(ex, &target, size);
    close(target.fd);
    return is_done;
}

/* --- links ---------------------------------------------------------------------------------------
 */

static bool copy_content(struct extraction *ex, int from, struct target *target, int64_t *size)
{
    char *buffer = malloc(64 * 1024);
    ssize_t count = -1;
    bool is_done = buffer != NULL;

    *size = 0;
    while (is_done && (count = read(from, buffer, 64 * 1024)) > 0) {
        is_done = reader_counts(ex->reader, count, ex->error) &&
                  write_piece(target, buffer, (size_t)count, *size, ex->error);
        *size += count;
    }
    if (is_done && count < 0)
        is_done = tree_refuse("reading", target->name, errno, ex->error);
    else if (!buffer)
        is_done = tree_refuse("reading", target->name, ENOMEM, ex->error);
    free(buffer);
    return is_done;
}

/* A hard link becomes a file of its own with the same content: what a job does to one file shall
 * not change another. */
static bool take_hard_link(struct extraction *ex, const char *name)
{
    const char *raw = archive_entry_hardlink(ex->reader->entry);
    char original[ENTRY_NAME_MAX];
    struct target target;
    int64_t size = 0;
    bool is_done;
    int from;

    if (entry_name_clean(raw, ex->filter.strip, (size_t)ex->reader->limits.depth_max, original) ||
        !original[0])
        return refuse_entry(ex, "is a hard link that leads out of the archive");
    if (strcmp(original, name) == 0)
        return refuse_entry(ex, "is a hard link to itself");
    from = tree_open_file(&ex->tree, original, ex->error);
    if (from < 0)
        return sdk_error_wrap(ex->error,
                              "archive %s: \"%.100s\" is a hard link to an entry that was not "
                              "extracted before it",
                              ex->reader->path, name);
    is_done = begin_file(ex, name, &target);
    if (is_done) {
        is_done = copy_content(ex, from, &target, &size) && end_file(ex, &target, size);
        close(target.fd);
    }
    close(from);
    return is_done;
}

static bool take_symbolic_link(struct extraction *ex, const char *name)
{
    const char *target = archive_entry_symlink(ex->reader->entry);

    if (ex->links_mode == LINKS_REFUSE)
        return refuse_entry(ex, "is a symbolic link, and links are to be refused");
    if (!target || !entry_link_stays(name, target))
        return refuse_entry(ex, "is a symbolic link that leads, or may lead, out of the archive");
    if (json_object_set_new_nocheck(ex->links, name, json_string_nocheck(target)) != 0)
        return tree_refuse("link", name, ENOMEM, ex->error);
    return true;
}

static bool make_links(struct extraction *ex)
{
    const char *name;
    json_t *target;

    json_object_foreach(ex->links, name,
                        target) if (!tree_make_symlink(&ex->tree, name, json_string_value(target),
                                                       ex->error)) return false;
    return true;
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static bool take_entry(struct extraction *ex)
{
    struct archive_entry *entry = ex->reader->entry;
    size_t depth_max = (size_t)ex->reader->limits.depth_max;
    char whole[ENTRY_NAME_MAX], name[ENTRY_NAME_MAX];
    const char *flaw = entry_name_clean(reader_name(ex->reader), 0, depth_max, whole);
    const char *kind = archive_entry_kind(entry);

    if (flaw)
        return refuse_entry(ex, flaw);
    (void)entry_name_clean(whole, ex->filter.strip, depth_max, name);
    if (!name[0] || !archive_filter_takes(&ex->filter, whole) ||
        (strcmp(kind, "symlink") == 0 && ex->links_mode == LINKS_SKIP)) {
        ex->skipped += name[0] != '\0';
        return reader_skip(ex->reader, ex->error);
    }
    if (strcmp(kind, "file") == 0)
        return take_file(ex, name);
    if (strcmp(kind, "hardlink") == 0)
        return take_hard_link(ex, name);
    if (strcmp(kind, "symlink") == 0)
        return take_symbolic_link(ex, name);
    if (strcmp(kind, "directory") != 0)
        return refuse_entry(ex, "is a device, a pipe or a socket");
    ex->directories++;
    return tree_make_directory(&ex->tree, name, ex->error);
}

static bool take_all(struct extraction *ex)
{
    enum reader_step step;

    while ((step = reader_next(ex->reader, ex->error)) == READER_ENTRY)
        if (!take_entry(ex))
            return false;
    return step == READER_END && make_links(ex);
}

/* The files, for the next step of the job. */
static bool hand_on(struct extraction *ex, const char *path)
{
    const char *name;
    json_t *nothing;
    bool is_done = true;

    json_object_foreach(ex->made, name, nothing)
    {
        const char *slash = strrchr(name, '/');
        char *whole = NULL;

        is_done = is_done && asprintf(&whole, "%s/%s", path, name) > 0 &&
                  file_list_add(ex->work, &ex->work->outputs, whole, slash ? slash + 1 : name);
        free(whole);
    }
    return is_done;
}

static bool extract_to(struct extraction *ex, const struct sdk_roots *roots, const char *path,
                       bool replaces)
{
    size_t len = strlen(path);
    const char *name;
    char *parent;
    int fd = -1;
    bool is_done = false;

    while (len > 1 && path[len - 1] == '/')
        len--;
    parent = strndup(path, len);
    name = parent ? strrchr(parent, '/') : NULL;
    name = name ? name + 1 : parent;
    if (!parent)
        return tree_refuse("output", path, ENOMEM, ex->error);
    if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        sdk_reader_refuse(ex->work->options, "output", "it names no directory that can be made");
    else {
        char *base = strdup(name);

        *(char *)name = '\0';
        fd = base ? sdk_directory_open(roots, parent[0] ? parent : ".", true, ex->error) : -1;
        is_done = fd >= 0 && tree_begin(&ex->tree, fd, base, replaces, ex->error) && take_all(ex) &&
                  tree_commit(&ex->tree, replaces, ex->error);
        free(base);
    }
    tree_abort(&ex->tree);
    if (fd >= 0)
        close(fd);
    free(parent);
    return is_done;
}

static bool extraction_begin(struct extraction *ex)
{
    static const char *const modes[] = {"keep", "skip", "refuse", NULL};
    struct sdk_reader *in = ex->work->options;

    ex->links_mode = sdk_choice(in, "links", modes, LINKS_KEEP);
    ex->links = json_object();
    ex->made = ex->work->is_last ? NULL : json_object();
    if (sdk_boolean(in, "sha256", false))
        ex->md = EVP_MD_CTX_new();
    return archive_filter_read(ex->work, &ex->filter) &&
           archive_listing_begin(ex->work, &ex->listing);
}

static void extraction_end(struct extraction *ex)
{
    json_decref(ex->links);
    json_decref(ex->made);
    json_decref(ex->listing.entries);
    EVP_MD_CTX_free(ex->md);
}

static bool run(struct extraction *ex)
{
    struct file_work *work = ex->work;
    struct sdk_reader *in = work->options;
    const char *output = sdk_text(in, "output", NULL, FILE_PATH_MAX);
    bool replaces = sdk_boolean(in, "replace", false);
    struct file_list input = {0};
    struct reader reader = {0};
    char *own = NULL;
    bool is_done;
    int fd = -1;

    ex->filter.strip = (size_t)sdk_integer(in, "strip", 0, 0, 64);
    ex->reader = &reader;
    if (!output && work->is_last)
        return sdk_reader_refuse(in, "output", "it is missing: the directory to extract to");
    is_done = sdk_reader_ok(in) && archive_open_input(work, &input, &fd, &reader);
    if (is_done && !output)
        is_done = (own = file_temp_path(work, "extracted")) != NULL;
    if (is_done) {
        work->call->host->phase(work->call->job, "archive: extract");
        is_done = extract_to(ex, own ? NULL : work->plugin->roots, own ? own : output, replaces) &&
                  (!ex->made || hand_on(ex, own ? own : output));
    }
    if (is_done)
        work->result =
            json_pack("{s:s?, s:I, s:I, s:I, s:I, s:I, s:O, s:b}", "output", output, "files",
                      ex->files, "directories", ex->directories, "links",
                      (json_int_t)json_object_size(ex->links), "skipped", ex->skipped, "bytes",
                      reader.bytes, "entries", ex->listing.entries, "isCut", ex->listing.is_cut);
    reader_close(&reader);
    if (fd >= 0)
        close(fd);
    free(own);
    file_list_free(&input);
    return is_done;
}

bool archive_extract(struct file_work *work)
{
    static const char *const members[] = {"operation",  "input",    "output",       "replace",
                                          "include",    "exclude",  "strip",        "links",
                                          "sha256",     "listMax",  "maxBytes",     "maxRatio",
                                          "maxEntries", "maxDepth", "maxFileBytes", NULL};
    struct extraction ex = {.work = work, .error = &work->call->error, .tree = TREE_NONE};
    bool is_done = sdk_reader_only(work->options, members) && extraction_begin(&ex) && run(&ex);

    extraction_end(&ex);
    return is_done;
}
