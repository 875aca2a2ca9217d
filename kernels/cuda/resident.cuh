// A model's weights in device memory, as the kernels read them: packed once from the mapped file.
#ifndef KERNELS_CUDA_RESIDENT_CUH
#define KERNELS_CUDA_RESIDENT_CUH

#include "kernels.cuh"

#include <pthread.h>

// What a layer's launches read. The model names it by q_a, q_b, o, gate or down, whose `resident` fields point here.
struct resident_layer {
    device_matrix in;  // q_a's rows (q_proj's without q_lora), then kv_a's, which begin at row kv_a_first
    device_matrix q_b; // head by head [nope_p | rope_p]; data NULL without q_lora
    int kv_a_first;
    half *w_uk, *w_uv; // [H, latent_p, nope_p], [H, v_p, latent_p]: fp16 whatever the type, as attention is
    device_matrix o;   // inputs head by head [v_p]
    device_matrix gate_up; // 8 gates, then their 8 ups
    device_matrix down;
    float *attention_norm, *q_a_norm, *kv_a_norm, *mlp_norm;
};

struct resident {
    attach_request request;
    head_shape shape;
    int n_multiprocessors;
    device_facts facts;

    pthread_mutex_t lock; // the first open uploads, the others wait
    void *memory;         // holds all of the below; NULL until then
    size_t bytes;
    device_matrix embedding, head; // [vocab, hidden]; the same when tied
    float *final_norm;
    resident_layer *layers; // [n_layers]
};

// Bytes that the weights take; gives the layers' matrices their shapes. And what the upload holds besides, meanwhile.
size_t resident_bytes(resident *r);
size_t upload_staging_bytes();

// Takes r->bytes of the device and fills them. Errors: MEMORY, DEVICE; on failure nothing stays allocated.
youtu_status resident_upload(resident *r, youtu_error *error);

// A CUDA error as a message: what failed, and CUDA's name and sentence for it.
youtu_status fail_cuda(youtu_error *error, cudaError_t code, const char *what);

#endif
