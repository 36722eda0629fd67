// Drops packets at random: a bad line for tests, in kernels without netem.
// Attached by `tc filter … bpf direct-action object-file loss.o section loss/5`; loss.o is committed,
// `tests/network/build` makes it again.
#define TC_ACT_OK 0
#define TC_ACT_SHOT 2

struct __sk_buff;

// Helper 7 of the kernel's list: 32 random bits.
static unsigned int (*const random_u32)(void) = (void *)7;

#define LOSS(percent)                                                                        \
  __attribute__((section("loss/" #percent), used)) int loss##percent(struct __sk_buff *packet) { \
    (void)packet;                                                                              \
    return random_u32() < 42949673u * (percent) ? TC_ACT_SHOT : TC_ACT_OK;                      \
  }

LOSS(1)
LOSS(5)
LOSS(20)

__attribute__((section("license"), used)) const char drop_license[] = "GPL";
