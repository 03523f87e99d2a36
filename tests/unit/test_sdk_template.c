/* SDK templates: what is rendered, what a broken template is told, and that none runs away. */
#include "cartrita/sdk/template.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

static const struct {
    const char *template, *variables, *text;
} texts[] = {
    {"", "{}", ""},
    {"Hello {{name}}!", "{\"name\":\"Åsa\"}", "Hello Åsa!"},
    {"{{ name }}|{{{name}}}|{{& name }}", "{\"name\":\"<b>&\\\"'\"}",
     "&lt;b&gt;&amp;&quot;&#39;|<b>&\"'|<b>&\"'"},
    {"{{a}} {{b}} {{c}} {{d}}", "{\"a\":1,\"b\":0.1,\"c\":true,\"d\":null}", "1 0.1 true "},
    {"{{{a}}}", "{\"a\":{\"b\":[1,2]}}", "{\"b\":[1,2]}"},
    {"{{a.b.c}}|{{a.x.c}}", "{\"a\":{\"b\":{\"c\":\"deep\"}}}", "deep|"},
    {"{{#l}}{{n}},{{/l}}", "{\"l\":[{\"n\":1},{\"n\":2}]}", "1,2,"},
    {"{{#l}}{{.}}{{outer}} {{/l}}", "{\"l\":[\"a\",\"b\"],\"outer\":\"!\"}", "a! b! "},
    {"{{#l}}x{{/l}}{{^l}}none{{/l}}", "{\"l\":[]}", "none"},
    {"{{#z}}x{{/z}}{{^z}}zero{{/z}}", "{\"z\":0}", "zero"},
    {"{{#s}}{{.}}{{/s}}", "{\"s\":\"text\"}", "text"},
    {"{{#o}}{{in}}{{/o}}{{^o}}no{{/o}}", "{\"o\":{\"in\":\"yes\"}}", "yes"},
    {"{{#a}}{{#a}}{{x}}{{/a}}{{/a}}", "{\"a\":{\"x\":1}}", "1"},
    {"a{{! nothing }}b", "{}", "ab"},
    {"begin\n  {{#l}}\n- {{.}}\n  {{/l}}\nend\n", "{\"l\":[1,2]}", "begin\n- 1\n- 2\nend\n"},
    {"a\r\n{{! gone }}\r\nb {{! stays }}\r\n", "{}", "a\r\nb \r\n"},
    {"{{#l}}\n{{/l}}", "{\"l\":[1]}", ""},
    {"{{a}} }} {", "{\"a\":\"{{b}}\"}", "{{b}} }} {"},
};

static char *render(const char *text, const char *variables, bool is_strict, size_t max,
                    struct sdk_error *error)
{
    json_t *values = json_loads(variables, 0, NULL);
    struct sdk_string out = {.max = max};
    struct sdk_template *template;
    char *result = NULL;

    ck_assert_ptr_nonnull(values);
    ck_assert_msg(sdk_template_parse(text, true, &template, error), "%s", error->text);
    if (sdk_template_render(template, values, is_strict, &out, error))
        result = sdk_string_take(&out, NULL);
    sdk_string_free(&out);
    sdk_template_free(template);
    json_decref(values);
    return result;
}

START_TEST(test_rendered)
{
    struct sdk_error error = {0};
    char *text = render(texts[_i].template, texts[_i].variables, false, 0, &error);

    ck_assert_msg(text != NULL, "%s", error.text);
    ck_assert_str_eq(text, texts[_i].text);
    free(text);
}
END_TEST

START_TEST(test_plain_text_is_not_escaped)
{
    json_t *values = json_pack("{s:s}", "a", "<&>");
    struct sdk_string out = {0};
    struct sdk_template *template;

    ck_assert(sdk_template_parse("{{a}}", false, &template, NULL));
    ck_assert(sdk_template_render(template, values, true, &out, NULL));
    ck_assert_str_eq(out.bytes, "<&>");
    sdk_string_free(&out);
    sdk_template_free(template);
    json_decref(values);
}
END_TEST

static const struct {
    const char *template, *reason;
} broken[] = {
    {"a\nb {{#x}} c", "template, line 2: {{x}} begins a section without an end"},
    {"{{/x}}", "template, line 1: {{x}} ends a section that was not begun"},
    {"{{#x}}\n{{#y}}\n{{/x}}", "template, line 3: {{/x}} where {{/y}} (of line 2) must come"},
    {"{{name", "template, line 1: {{name is never closed"},
    {"{{{name}}", "template, line 1: {{name}} is never closed"},
    {"{{}}", "template, line 1: {{}} has no name"},
    {"{{# }}{{/ }}", "template, line 1: {{# }} has no name"},
    {"{{> part}}", "template, line 1: {{> part}} is not supported (no partials, no delimiters)"},
    {"{{=<% %>=}}", "template, line 1: {{=<% %>=}} is not supported (no partials, no delimiters)"},
};

START_TEST(test_broken)
{
    struct sdk_template *template;
    struct sdk_error error = {0};

    ck_assert(!sdk_template_parse(broken[_i].template, true, &template, &error));
    ck_assert_str_eq(error.text, broken[_i].reason);
    ck_assert_str_eq(error.name, "TemplateError");
    ck_assert(error.is_permanent);
}
END_TEST

START_TEST(test_depth_is_bounded)
{
    char text[(SDK_TEMPLATE_DEPTH_MAX + 1) * 12 + 1] = "";
    struct sdk_template *template;
    struct sdk_error error = {0};

    for (unsigned i = 0; i <= SDK_TEMPLATE_DEPTH_MAX; i++)
        strcat(text, "{{#a}}");
    for (unsigned i = 0; i <= SDK_TEMPLATE_DEPTH_MAX; i++)
        strcat(text, "{{/a}}");
    ck_assert(!sdk_template_parse(text, true, &template, &error));
    ck_assert_str_eq(error.text, "template, line 1: {{a}} is nested too deeply");
}
END_TEST

START_TEST(test_missing_variables_when_strict)
{
    struct sdk_error error = {0};
    char *text;

    ck_assert_ptr_null(render("a\n{{nmae}}", "{\"name\":1}", true, 0, &error));
    ck_assert_str_eq(error.text, "template, line 2: there is no variable {{nmae}}");
    /* null is a value, and an absent section is what sections are for. */
    text = render("{{a}}{{#b}}x{{/b}}", "{\"a\":null}", true, 0, &error);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

START_TEST(test_size_is_bounded)
{
    struct sdk_error error = {0};

    ck_assert_ptr_null(render("{{a}}{{a}}", "{\"a\":\"123456\"}", true, 10, &error));
    ck_assert_str_eq(error.text, "the text of the template is larger than 10 bytes");
}
END_TEST

/* Eight lists within each other, of 64 items and without any text: 64^8 rounds. */
START_TEST(test_steps_are_bounded)
{
    json_t *list = json_array(), *values = json_pack("{s:o}", "a", list);
    char text[8 * 12 + 1] = "";
    struct sdk_string out = {0};
    struct sdk_template *template;
    struct sdk_error error = {0};

    for (int i = 0; i < 64; i++)
        json_array_append_new(list, json_integer(i));
    for (int i = 0; i < 8; i++)
        strcat(text, "{{#a}}");
    for (int i = 0; i < 8; i++)
        strcat(text, "{{/a}}");
    ck_assert(sdk_template_parse(text, true, &template, &error));
    ck_assert(!sdk_template_render(template, values, false, &out, &error));
    ck_assert_str_eq(error.text, "the template goes through more than 10000000 tags");
    sdk_template_free(template);
    sdk_string_free(&out);
    json_decref(values);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_rendered, 0, sizeof texts / sizeof texts[0]);
    tcase_add_test(tcase, test_plain_text_is_not_escaped);
    tcase_add_loop_test(tcase, test_broken, 0, sizeof broken / sizeof broken[0]);
    tcase_add_test(tcase, test_depth_is_bounded);
    tcase_add_test(tcase, test_missing_variables_when_strict);
    tcase_add_test(tcase, test_size_is_bounded);
    tcase_add_test(tcase, test_steps_are_bounded);
}

int main(void)
{
    return unit_run("sdk_template", add_tests);
}
