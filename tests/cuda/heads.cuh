// Sizes of heads that the attention tests share, and the shape the kernels take for them.
#ifndef TESTS_CUDA_HEADS_CUH
#define TESTS_CUDA_HEADS_CUH

#include "kernels/cuda/layout.cuh"

struct heads {
    int n, nope, rope, v, latent;
    bool interleave = false;
};

// Scores as they are: the softmax scale is 0 unless a test sets scale_log2.
inline head_shape shape_of(const heads &h) {
    model_config m = {};
    m.n_heads = h.n, m.qk_nope_head_dim = h.nope, m.qk_rope_head_dim = h.rope, m.v_head_dim = h.v;
    m.kv_lora_rank = h.latent, m.rope.interleave = h.interleave;
    return head_shape_of(&m);
}

#endif
