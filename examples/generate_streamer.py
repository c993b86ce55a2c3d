"""A streamer: the text is read in one thread while `generate` writes it in another.

"Streaming" in the documentation: `TextIteratorStreamer` puts the text into a queue, so `generate` runs in a
thread of its own and the program reads the words as they come.  Each step hands its token to `put`, and at
the end `end` is called.  Two threads that generate at once keep their steps apart.
"""

import threading

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, TextIteratorStreamer

import tracelab

torch.manual_seed(0)
words = {"<pad>": 0, **{f"w{number}": number for number in range(1, 100)}}
tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel(words)), pad_token="<pad>")
config = GPT2Config(vocab_size=100, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=None)
model = GPT2LMHeadModel(config).eval()
prompts = [torch.tensor([[1, 2, 3]]), torch.tensor([[4, 5, 6, 7, 8]])]
options = {"max_new_tokens": 5, "do_sample": False, "pad_token_id": 0}


def both():
    """What two streamers gave, each filled by a thread of its own."""
    streamers = [TextIteratorStreamer(tokenizer, skip_prompt=True, timeout=60) for _ in prompts]
    threads = [
        threading.Thread(target=model.generate, args=(prompt,), kwargs={"streamer": streamer, **options})
        for prompt, streamer in zip(prompts, streamers, strict=True)
    ]
    for thread in threads:
        thread.start()
    texts = ["".join(streamer) for streamer in streamers]
    for thread in threads:
        thread.join()
    return texts


plain = both()
with tracelab.trace() as trace:
    texts = both()

trace.print_steps()
loops = sorted(trace.generations(), key=lambda one: one.steps[0].input)
print("the same text without the trace:", texts == plain)
print("words in each text:", [len(text.split()) for text in texts])
print("tokens read in each step:", *([step.input[1] for step in one.steps] for one in loops))
print("threads that generated:", len({one.loop.thread for one in loops}))
print("calls of put and of end:", trace.count("*.put"), trace.count("*.end"))
putters = {call.thread for call in trace.find("TextIteratorStreamer.put")}
print("put was called where the steps ran:", putters == {one.loop.thread for one in loops})
