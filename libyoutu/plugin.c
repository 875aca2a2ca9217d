#include "plugin.h"

#include "error.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file whose code this is: the library's, or the program's when the library is linked into it. To be
 * freed; NULL when memory is refused or the system does not tell. */
static char *own_file(void) {
    Dl_info info;
    struct link_map *map;
    static const char here;
    if (!dladdr1(&here, &info, (void **)&map, RTLD_DL_LINKMAP)) return NULL;
    /* The program's own entry has no name. */
    return *map->l_name ? strdup(map->l_name) : realpath("/proc/self/exe", NULL);
}

youtu_status plugin_load(const backend **out, youtu_error *error) {
    char *own = own_file(), *beside = NULL;
    const char *slash = own ? strrchr(own, '/') : NULL;
    int length = slash ? (int)(slash - own) : 0;
    if (slash && asprintf(&beside, "%.*s/" CUDA_PLUGIN_FILE, length, own) < 0) {
        free(own);
        return youtu_fail_memory(error, "a path", (size_t)length + sizeof "/" CUDA_PLUGIN_FILE);
    }
    free(own);
    bool is_beside = beside && access(beside, F_OK) == 0;
    youtu_status status = plugin_open(is_beside ? beside : CUDA_PLUGIN_FILE, out, error);
    free(beside);
    return status;
}

/* The version is looked at first: another version's table may have the same size and other functions. */
static youtu_status take_table(const char *file, void *library, const backend **out, youtu_error *error) {
    const youtu_plugin *(*entry)(void) = (const youtu_plugin *(*)(void))dlsym(library, "youtu_cuda_plugin");
    if (!entry)
        return youtu_fail(error, YOUTU_E_DEVICE,
                          "%s has no function youtu_cuda_plugin: it is no plugin of libyoutu", file);
    const youtu_plugin *plugin = entry();
    if (strcmp(plugin->version, VERSION_TEXT) != 0)
        return youtu_fail(error, YOUTU_E_DEVICE, "%s is of version %s, expected libyoutu's %s", file,
                          plugin->version, VERSION_TEXT);
    if (plugin->backend_size != sizeof(backend))
        return youtu_fail(error, YOUTU_E_DEVICE,
                          "%s is of version %s as libyoutu, but of another build: its table has %zu bytes, "
                          "expected %zu",
                          file, plugin->version, plugin->backend_size, sizeof(backend));
    *out = plugin->table;
    return YOUTU_OK;
}

youtu_status plugin_open(const char *file, const backend **out, youtu_error *error) {
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *reason = dlerror(); /* names the file */
        return youtu_fail(error, YOUTU_E_DEVICE, "%s", reason ? reason : file);
    }
    youtu_status status = take_table(file, library, out, error);
    /* One that was taken is never closed: once used, CUDA's libraries have threads and exit handlers in the
     * process, whose code must not be unmapped under them. */
    if (status != YOUTU_OK) dlclose(library);
    return status;
}
