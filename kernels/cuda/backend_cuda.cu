// The CUDA backend: finding a card, what a context takes of it, and the table that the library loads.
#include "device.cuh"

extern "C" {
#include "libyoutu/error.h"
#include "libyoutu/plugin.h"
}

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr double MB = 1e6;
constexpr size_t ALIGNMENT = 256;
constexpr size_t CUBLAS_WORKSPACE_BYTES = 8 << 20;

// ---- a card for a model ----

// Sizes of the kernels' tiles (attend_latent.cu, attend_expanded.cu).
youtu_status check_shape(const model_config *m, youtu_error *error) {
    const struct {
        const char *name;
        int value, most;
    } limits[] = {{"kv_lora_rank", m->kv_lora_rank, 512},
                  {"qk_nope_head_dim", m->qk_nope_head_dim, 128},
                  {"qk_rope_head_dim", m->qk_rope_head_dim, 64},
                  {"v_head_dim", m->v_head_dim, 128}};
    for (const auto &l : limits)
        if (l.value > l.most)
            return youtu_fail(error, YOUTU_E_UNSUPPORTED,
                              "config.json \"%s\" is %d; the CUDA kernels go up to %d", l.name, l.value,
                              l.most);
    return YOUTU_OK;
}

youtu_status count_cards(int *count, youtu_error *error) {
    cudaError_t e = cudaGetDeviceCount(count);
    int driver = 0, runtime = 0;
    if (e == cudaErrorInsufficientDriver && cudaDriverGetVersion(&driver) == cudaSuccess &&
        cudaRuntimeGetVersion(&runtime) == cudaSuccess) {
        if (driver == 0) return youtu_fail(error, YOUTU_E_DEVICE, "there is no NVIDIA driver");
        return youtu_fail(error, YOUTU_E_DEVICE, "the NVIDIA driver knows CUDA %d.%d, needed is %d.%d",
                          driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
    }
    if (e == cudaErrorNoDevice || (e == cudaSuccess && *count == 0))
        return youtu_fail(error, YOUTU_E_DEVICE, "there is no CUDA device");
    return e == cudaSuccess ? YOUTU_OK : fail_cuda(error, e, "looking for CUDA devices");
}

// Operations a clock and multiprocessor of the tensor cores, 16-bit operands with fp32 sums, by NVIDIA's white papers
// (A100; GeForce 30 and 40, on which fp32 sums halve the rate); data-centre cards of later generations do more.
int tensor_operations(int major, int minor) {
    if (major == 8 && minor == 0) return 2048;
    return major == 9 || major == 10 ? 4096 : 512;
}

youtu_status choose_card(resident *r, youtu_error *error) {
    int count = 0, ordinal = r->request.ordinal;
    cudaDeviceProp card;
    youtu_status status = count_cards(&count, error);
    if (status != YOUTU_OK) return status;
    if (ordinal >= count)
        return youtu_fail(error, YOUTU_E_DEVICE, "there is no CUDA device %d: this machine has %d", ordinal,
                          count);
    cudaError_t e = cudaSetDevice(ordinal);
    if (e == cudaSuccess) e = cudaGetDeviceProperties(&card, ordinal);
    if (e != cudaSuccess) return fail_cuda(error, e, "opening the device");
    snprintf(r->facts.label, sizeof r->facts.label, "cuda:%d (%.40s)", ordinal, card.name);
    if (card.major < 8)
        return youtu_fail(error, YOUTU_E_DEVICE, "%s has compute capability %d.%d, needed is 8.0 or newer",
                          r->facts.label, card.major, card.minor);
    r->n_multiprocessors = card.multiProcessorCount;
    int memory_khz = 0, clock_khz = 0;
    e = cudaDeviceGetAttribute(&memory_khz, cudaDevAttrMemoryClockRate, ordinal);
    if (e == cudaSuccess) e = cudaDeviceGetAttribute(&clock_khz, cudaDevAttrClockRate, ordinal);
    if (e != cudaSuccess) return fail_cuda(error, e, "opening the device");
    int driver = 0;
    e = cudaDriverGetVersion(&driver);
    if (e != cudaSuccess) return fail_cuda(error, e, "opening the device");
    snprintf(
        r->facts.details, sizeof r->facts.details,
        "compute capability %d.%d, %d multiprocessors at up to %d MHz, memory at %d MHz, driver for CUDA %d.%d",
        card.major, card.minor, card.multiProcessorCount, clock_khz / 1000, memory_khz / 1000, driver / 1000,
        driver % 1000 / 10);
    r->facts.bandwidth = 2e3 * memory_khz * card.memoryBusWidth / 8; // two transfers a clock
    r->facts.flops = 1e3 * clock_khz * card.multiProcessorCount * tensor_operations(card.major, card.minor);
    return YOUTU_OK;
}

// Whether `needed` bytes are free; what for: "weights", "weights and context" ...
youtu_status check_free(const resident *r, size_t needed, const char *purpose, youtu_error *error) {
    size_t available = 0, total = 0;
    cudaError_t e = cudaMemGetInfo(&available, &total);
    if (e != cudaSuccess) return fail_cuda(error, e, "asking for free memory");
    if (needed <= available) return YOUTU_OK;
    return youtu_fail(error, YOUTU_E_MEMORY, "%s: %s need %.0f MB, %.0f MB of %.0f MB are free",
                      r->facts.label, purpose, (double)needed / MB, (double)available / MB,
                      (double)total / MB);
}

void cuda_detach(resident *r) {
    if (!r) return;
    if (r->memory) {
        cudaSetDevice(r->request.ordinal);
        cudaFree(r->memory);
    }
    pthread_mutex_destroy(&r->lock);
    free(r->layers);
    free(r);
}

youtu_status cuda_attach(const attach_request *request, resident **out, device_facts *facts,
                         youtu_error *error) {
    youtu_status status = check_shape(request->model, error);
    if (status != YOUTU_OK) return status;
    size_t n_layers = (size_t)request->model->n_layers;
    resident *r = static_cast<resident *>(calloc(1, sizeof *r));
    if (!r) return youtu_fail_memory(error, "a model on the device", sizeof *r);
    pthread_mutex_init(&r->lock, nullptr);
    r->request = *request;
    r->shape = head_shape_of(request->model);
    r->layers = static_cast<resident_layer *>(calloc(n_layers, sizeof *r->layers));
    if (!r->layers) {
        cuda_detach(r);
        return youtu_fail_memory(error, "a model on the device", n_layers * sizeof *r->layers);
    }
    r->bytes = resident_bytes(r);
    status = choose_card(r, error);
    if (status == YOUTU_OK) status = check_free(r, r->bytes + upload_staging_bytes(), "the weights", error);
    if (status != YOUTU_OK) {
        cuda_detach(r);
        return status;
    }
    *facts = r->facts;
    *out = r;
    return YOUTU_OK;
}

// ---- what a context takes ----

// A walk over a context's buffers: with base NULL it only adds up.
struct arena {
    char *base;
    size_t used;
};

template <typename T> T *take(arena *a, size_t rows, size_t width) {
    size_t at = a->used;
    a->used += (rows * width * sizeof(T) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return a->base ? reinterpret_cast<T *>(a->base + at) : nullptr;
}

// The integers lie in one piece, so that one copy takes them up.
void place_inputs(arena *a, const device *d, step_buffers *b) {
    size_t n = d->n_batch;
    int *first = take<int>(a, 6 * n + d->table_capacity, 1);
    int **parts[] = {&b->token,      &b->position,     &b->cache_row, &b->table_offset,
                     &b->output_row, &b->absorbed_row, &b->tables};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) *parts[i] = first ? first + i * n : nullptr;
    b->angle = take<float2>(a, n, d->model.qk_rope_head_dim / 2);
}

void place_draws(arena *a, draw_buffers *b) {
    b->requests = take<draw_request>(a, DECODE_ROWS, 1);
    b->results = take<draw_result>(a, DECODE_ROWS, 1);
}

// Rows of partial results: the most that any number of absorbed rows asks for.
size_t partial_rows(const device *d) {
    size_t most = 0;
    for (int n = 1; n <= d->n_batch; n++) {
        size_t rows = (size_t)n * latent_splits(n, d->weights->n_multiprocessors);
        if (rows > most) most = rows;
    }
    return most;
}

void place_buffers(device *d, arena *a) {
    const head_shape &s = d->shape;
    const resident_layer *l = &d->weights->layers[0]; // its shapes are every layer's
    size_t n = d->n_batch, vocab = d->model.vocab_size, heads = s.n_heads;
    bool two_terms = d->weights->request.type == DTYPE_BF16;
    place_inputs(a, d, &d->inputs);
    place_draws(a, &d->device_draws);
    d->hidden_stride = padded(d->model.hidden_size, INPUT_PAD);
    d->projected_stride = padded(l->in.n_out_p, INPUT_PAD);
    d->q_stride = padded(s.n_heads * s.query_head(), INPUT_PAD);
    d->attended_stride = l->o.n_in_p;
    d->gated_stride = l->down.n_in_p;
    d->gate_up_stride = padded(l->gate_up.n_out_p, INPUT_PAD);
    size_t widest = l->q_b.n_in_p; // of what is rounded for cuBLAS
    for (const device_matrix *m : {&l->in, &l->o, &l->down})
        if ((size_t)m->n_in_p > widest) widest = m->n_in_p;
    d->hidden = take<float>(a, n, d->hidden_stride);
    d->projected = take<float>(a, n, d->projected_stride);
    d->q = take<float>(a, n, d->q_stride);
    d->attended = take<float>(a, n, d->attended_stride);
    d->gated = take<float>(a, n, d->gated_stride);
    d->hidden_squares = take<float>(a, DECODE_ROWS, d->hidden_stride / TILE_OUTPUTS);
    d->projected_squares = take<float>(a, DECODE_ROWS, d->projected_stride / TILE_OUTPUTS);
    d->gate_up = take<float>(a, n, d->gate_up_stride);
    d->high = take<uint16_t>(a, n, widest);
    d->low = two_terms ? take<uint16_t>(a, n, widest) : nullptr;
    d->query = take<half>(a, n * heads, s.cached());
    d->queries = take<half>(a, n * heads, s.query_head());
    size_t partials = partial_rows(d) * heads;
    d->partials.mean = take<half>(a, partials, s.latent_p);
    d->partials.max_sum = take<float2>(a, partials, 1);
    size_t cached_tokens = (size_t)d->n_cache_blocks * CACHE_BLOCK;
    size_t expanded_tokens = cached_tokens < EXPAND_TOKENS ? cached_tokens : EXPAND_TOKENS;
    d->expand.latents = take<half>(a, expanded_tokens, s.cached());
    d->expand.expanded = take<half>(a, expanded_tokens * heads, s.expanded_head());
    d->expand.max_sum = take<float2>(a, n, heads);
    d->normed = take<float>(a, DECODE_ROWS, d->hidden_stride);
    d->logits = take<float>(a, DECODE_ROWS, vocab);
    d->accepted = take<int>(a, DECODE_ROWS, vocab);
    d->draw_scratch = take<char>(a, draw_scratch_bytes(DECODE_ROWS, d->model.vocab_size), 1);
    d->workspace = take<char>(a, CUBLAS_WORKSPACE_BYTES, 1);
    d->cache = take<half>(a, d->model.n_layers * cached_tokens, s.cached());
}

void set_sizes(device *d, const device_config *config) {
    d->weights = config->resident;
    d->model = *config->model;
    d->shape = config->resident->shape;
    d->n_batch = config->n_batch;
    d->n_cache_blocks = config->n_cache_blocks;
    d->table_capacity =
        (size_t)d->n_batch * d->n_cache_blocks; // every row a run of its own, over the whole cache
}

// Before the upload the layers know their shapes, and while another thread uploads they are written anew.
size_t context_bytes(device *d) {
    arena a = {};
    pthread_mutex_lock(&d->weights->lock);
    place_buffers(d, &a);
    pthread_mutex_unlock(&d->weights->lock);
    return a.used;
}

uint64_t cuda_memory(const device_config *config) {
    device sizes = {};
    set_sizes(&sizes, config);
    return context_bytes(&sizes);
}

void place_pinned(device *d, arena *a) {
    place_inputs(a, d, &d->host);
    place_draws(a, &d->host_draws);
}

void cuda_close(device *d) {
    if (!d) return;
    cudaSetDevice(d->weights->request.ordinal);
    if (d->stream) cudaStreamSynchronize(d->stream);
    for (auto &of_rows : d->graphs)
        for (cudaGraphExec_t graph : of_rows)
            if (graph) cudaGraphExecDestroy(graph);
    for (int i = 0; i < d->n_marks; i++) cudaEventDestroy(d->marks[i].event);
    free(d->marks);
    if (d->cublas) cublasDestroy(d->cublas);
    cudaFree(d->memory);
    cudaFreeHost(d->pinned);
    if (d->stream) cudaStreamDestroy(d->stream);
    free(d);
}

cudaError_t open_cublas(device *d) {
    cublasStatus_t status = cublasCreate(&d->cublas);
    if (status == CUBLAS_STATUS_SUCCESS) status = cublasSetStream(d->cublas, d->stream);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasSetWorkspace(d->cublas, d->workspace, CUBLAS_WORKSPACE_BYTES);
    if (status == CUBLAS_STATUS_SUCCESS) // sums in fp32, also between the parts of a split product
        status =
            cublasSetMathMode(d->cublas, (cublasMath_t)(CUBLAS_DEFAULT_MATH |
                                                        CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION));
    return cublas_error(status);
}

cudaError_t allocate(device *d, size_t bytes) {
    arena pinned = {};
    place_pinned(d, &pinned);
    cudaError_t e = cudaStreamCreateWithFlags(&d->stream, cudaStreamNonBlocking);
    if (e == cudaSuccess) e = cudaMallocHost(&d->pinned, pinned.used);
    if (e == cudaSuccess) e = cudaMalloc(&d->memory, bytes);
    if (e == cudaSuccess)
        e = cudaMemsetAsync(d->memory, 0, bytes, d->stream); // padding is never written again
    if (e != cudaSuccess) return e;
    pinned = {static_cast<char *>(d->pinned), 0};
    arena memory = {static_cast<char *>(d->memory), 0};
    place_pinned(d, &pinned);
    place_buffers(d, &memory);
    const step_buffers &in = d->inputs;
    d->rows = {in.token,  in.position, in.cache_row,  in.table_offset,
               in.tables, in.angle,    in.output_row, in.absorbed_row};
    return open_cublas(d);
}

// Uploads the weights if no context has before; they and the context must fit.
youtu_status prepare(resident *r, size_t context, youtu_error *error) {
    youtu_status status = YOUTU_OK;
    pthread_mutex_lock(&r->lock);
    if (r->memory) {
        status = check_free(r, context, "cache and activations", error);
    } else {
        status = check_free(r, r->bytes + upload_staging_bytes() + context,
                            "the weights, cache and activations", error);
        if (status == YOUTU_OK) status = resident_upload(r, error);
    }
    pthread_mutex_unlock(&r->lock);
    return status;
}

youtu_status cuda_open(const device_config *config, device **out, youtu_error *error) {
    if (config->cache != YOUTU_CACHE_F16)
        return youtu_fail(error, YOUTU_E_UNSUPPORTED,
                          "youtu_context_options.cache is YOUTU_CACHE_F32; on CUDA the cache is fp16");
    device *d = static_cast<device *>(calloc(1, sizeof *d));
    if (!d) return youtu_fail_memory(error, "a context", sizeof *d);
    set_sizes(d, config);
    size_t bytes = context_bytes(d);
    cudaError_t e = cudaSetDevice(config->resident->request.ordinal);
    youtu_status status = e == cudaSuccess ? prepare(config->resident, bytes, error) : YOUTU_OK;
    if (status == YOUTU_OK && e == cudaSuccess) e = allocate(d, bytes);
    if (e != cudaSuccess) status = fail_cuda(error, e, "opening a context");
    if (status != YOUTU_OK) {
        cuda_close(d);
        return status;
    }
    *out = d;
    return YOUTU_OK;
}

const backend cuda = {
    .name = "cuda",
    .is_timed = true,
    .is_adaptable = false,
    .attach = cuda_attach,
    .detach = cuda_detach,
    .memory = cuda_memory,
    .open = cuda_open,
    .close = cuda_close,
    .begin = cuda_begin,
    .embed = cuda_embed,
    .norm_linear = cuda_norm_linear,
    .rope_and_store = cuda_rope_and_store,
    .attend = cuda_attend,
    .linear_residual = cuda_linear_residual,
    .gated_mlp = cuda_gated_mlp,
    .head = cuda_head,
    .draw = cuda_draw,
    .fetch_logits = cuda_fetch_logits,
    .finish = cuda_finish,
    .copy_block = cuda_copy_block,
};

} // namespace

// Out of memory is told apart from all else.
youtu_status fail_cuda(youtu_error *error, cudaError_t code, const char *what) {
    return youtu_fail(error, code == cudaErrorMemoryAllocation ? YOUTU_E_MEMORY : YOUTU_E_DEVICE,
                      "%s failed: %s (%s)", what, cudaGetErrorString(code), cudaGetErrorName(code));
}

cudaError_t cublas_error(cublasStatus_t status) {
    if (status == CUBLAS_STATUS_SUCCESS) return cudaSuccess;
    cudaError_t e = cudaPeekAtLastError();
    if (e != cudaSuccess) return e;
    return status == CUBLAS_STATUS_ALLOC_FAILED ? cudaErrorMemoryAllocation : cudaErrorUnknown;
}

extern "C" const youtu_plugin *youtu_cuda_plugin(void) {
    static const youtu_plugin plugin = {VERSION_TEXT, sizeof(backend), &cuda};
    return &plugin;
}
