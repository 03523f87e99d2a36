/* Any bytes as a configuration file: refused with a place, or a tree that can be read in every way.
 * Corpus: tests/fuzz/corpus/yaml. */
#include <string.h>

#include "common/assert.h"
#include "common/option.h"
#include "common/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_settings {
    const char *text;
    int64_t number;
    struct ct_option_list list;
};

static const struct ct_option fuzz_options[] = {
    {.name = "redis", .kind = CT_OPTION_STRING, .offset = offsetof(struct fuzz_settings, text)},
    {.name = "n", .kind = CT_OPTION_INT, .offset = offsetof(struct fuzz_settings, number)},
    {.name = "queue", .kind = CT_OPTION_LIST, .offset = offsetof(struct fuzz_settings, list)},
};

static const struct ct_program fuzz_program = {
    .name = "fuzz", .options = fuzz_options, .option_count = 3};

static void read_all(const struct ct_yaml_node *node)
{
    struct ct_error err = {0};
    const char *text;

    if (ct_yaml_text(node, &text, &err) == CT_E_OK)
        ct_assert(text == node->text);
    for (const struct ct_yaml_node *child = node->first; child; child = child->next)
        read_all(child);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ct_error err = {0};
    struct fuzz_settings settings;
    struct ct_option_set set;
    struct ct_yaml *yaml;
    json_t *json;

    if (ct_yaml_parse("fuzz.yaml", (struct ct_str){(const char *)data, size}, &yaml, &err) !=
        CT_E_OK) {
        ct_assert(strncmp(err.detail, "fuzz.yaml:", 10) == 0);
        return 0;
    }
    read_all(yaml->root);
    if (ct_yaml_to_json(yaml->root, &json, &err) == CT_E_OK)
        json_decref(json);
    ct_option_open(&set, &fuzz_program, &settings);
    if (ct_option_read_file(&set, yaml->root, NULL, &err) == CT_E_OK)
        ct_assert(yaml->root->kind == CT_YAML_MAP);
    ct_option_close(&set);
    ct_yaml_free(yaml);
    return 0;
}
