"""What transformers' processors make of logits, in the order in which `generate` has them: test/fixtures/sampling.json.

Run with transformers 5.24.0 and torch 2.15.0: python scripts/peers/sampling.py > test/fixtures/sampling.json
The order is asked of a small random GPT-2, whose `generate` builds the list; what it says of every token, and its greedy and its drawn
continuation under each set of options, are kept too. Removed tokens are null.
"""
import json
import logging
import sys

import torch
import transformers
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel

transformers.logging.set_verbosity(logging.ERROR)
torch.manual_seed(0)
VOCABULARY = 24
model = GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_positions=32, n_embd=16, n_layer=1, n_head=2))
# Answers that are surer than those of small random weights.
model.lm_head.weight.data *= 20
model.eval()


def processors(options, greedy=False):
    own = {'temperature': 1.0, 'top_k': 0, 'top_p': 1.0, 'repetition_penalty': 1.0, **options}
    config = GenerationConfig(do_sample=not greedy, **own)
    return model._get_logits_processor(generation_config=config, input_ids_seq_length=1)


def case(logits, seen, options):
    built = processors(options)
    found = built(torch.tensor([seen], dtype=torch.long), torch.tensor([logits], dtype=torch.float32))[0]
    return {
        'logits': logits, 'seen': seen, 'options': options, 'order': [type(one).__name__ for one in built],
        'expected': [None if value == -float('inf') else value for value in found.tolist()],
    }


def logs(*probabilities):
    return torch.tensor(probabilities, dtype=torch.float32).log().tolist()


def spread(seed, scale=4):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(VOCABULARY, generator=generator) * scale).tolist()


TIES = [1.0, 3.0, 2.0, 2.0, 2.0, 0.0, -1.0]
HALVES = logs(0.5, 0.3, 0.15, 0.05)
cases = [
    *[case(HALVES, [0], {'top_p': p}) for p in (0.3, 0.5, 0.51, 0.79, 0.81, 0.95, 0.96, 1.0)],
    *[case([0.0] * 4, [0], {'top_p': p}) for p in (0.2, 0.25, 0.5, 0.6, 0.9)],
    *[case(TIES, [0], {'top_p': p}) for p in (0.5, 0.6, 0.7, 0.8, 0.9)],
    *[case(TIES, [0], {'top_k': k}) for k in (1, 2, 3, 5, 7, 50)],
    case([4.0, -4.0, 3.0], [0, 1, 0, 0, 1], {'repetition_penalty': 2.0}),
    case([4.0, -4.0, 0.0], [0, 1, 2], {'repetition_penalty': 0.5}),
    case([2.0, 1.9, -5.0], [0], {'repetition_penalty': 1.5, 'top_k': 1}),
    case(HALVES, [0], {'temperature': 0.5, 'top_p': 0.7}),
    case(HALVES, [0], {'temperature': 3.0, 'top_p': 0.7}),
    case(HALVES, [0], {'top_k': 2, 'top_p': 0.6}),
    case(HALVES, [0], {'top_k': 2, 'top_p': 0.7}),
    case([700.0, 0.0, -700.0], [1], {'temperature': 0.01, 'top_p': 0.99}),
    *[
        case(spread(i), [i, 2 * i, 3], options)
        for i, options in enumerate([
            {'temperature': 0.7, 'top_k': 5, 'top_p': 0.8, 'repetition_penalty': 1.3},
            {'temperature': 1.5, 'top_k': 12, 'top_p': 0.95, 'repetition_penalty': 2.0},
            {'top_k': 20, 'top_p': 0.6, 'repetition_penalty': 0.8},
            {'temperature': 4.0, 'top_p': 0.9},
            {'temperature': 0.3, 'top_k': 3},
        ])
    ],
]


def greedy(prompt, penalty, length):
    """The logits of each step, and what is taken: the penalty is of the prompt and of all that was added."""
    made = model.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), max_new_tokens=length,
        repetition_penalty=penalty, pad_token_id=0, eos_token_id=None, output_logits=True, return_dict_in_generate=True, do_sample=False,
    )
    return {
        'prompt': prompt, 'penalty': penalty, 'logits': [step[0].tolist() for step in made.logits],
        'taken': made.sequences[0, len(prompt):].tolist(),
    }


json.dump({
    'versions': {'transformers': transformers.__version__, 'torch': torch.__version__},
    'cases': cases,
    'greedy': [greedy([3, 1, 4, 1, 5], penalty, 8) for penalty in (1.0, 2.5, 5.0)],
}, sys.stdout)
