"""Whisper, 70 seconds of sound: one window of 30 seconds after another, some of them more than once.

The page "Whisper" of the documentation: sound of up to 30 seconds is transcribed in one go (short form);
longer sound is transcribed window by window (long form), and a window whose text has a low probability
(`logprob_threshold`) is tried again at the next `temperature`.  How far the next window is from the last one
is said by the time stamps that were written; here none is but 0.00, so each is 30 seconds further.

The table shows what that costs: each attempt runs the encoder again.
"""

import torch
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

import tracelab

WORDS, TIMES = 30, 1501  # 30 words, then the special tokens, then a time for each 0.02 s of 30 s
END, START, ENGLISH, TRANSCRIBE, BEFORE, SILENCE, NO_TIMES, FIRST_TIME = range(WORDS, WORDS + 8)
torch.manual_seed(0)
config = WhisperConfig(
    vocab_size=FIRST_TIME + TIMES,
    d_model=16,
    encoder_layers=1,
    decoder_layers=2,
    encoder_attention_heads=2,
    decoder_attention_heads=2,
    encoder_ffn_dim=32,
    decoder_ffn_dim=32,
    max_target_positions=32,
    bos_token_id=END,
    eos_token_id=END,
    pad_token_id=END,
    decoder_start_token_id=START,
)
model = WhisperForConditionalGeneration(config).eval()
model.generation_config = GenerationConfig(
    bos_token_id=END,
    eos_token_id=END,
    pad_token_id=END,
    decoder_start_token_id=START,
    is_multilingual=True,
    lang_to_id={"<|en|>": ENGLISH},
    task_to_id={"transcribe": TRANSCRIBE},
    no_timestamps_token_id=NO_TIMES,
    prev_sot_token_id=BEFORE,
    suppress_tokens=list(range(END, FIRST_TIME)),  # random weights could end at any time
    max_initial_timestamp_index=0,
)
# With time stamps the two new tokens are the time 0.00, which has to come first, and a word.
options = {"language": "en", "task": "transcribe", "max_new_tokens": 2}
# No text of a random model is so probable: every window falls back to the last temperature.
fallback = {"temperature": (0.0, 0.5, 1.5), "logprob_threshold": -0.1}


def transcribe(seconds, **more):
    """The ids for some seconds of noise, 100 spectrogram columns each."""
    torch.manual_seed(0)
    sound = torch.randn(1, 80, 100 * seconds)
    mask = torch.ones(1, 100 * seconds, dtype=torch.long)
    return model.generate(sound, attention_mask=mask, **options, **more)


words_only = {"suppress_tokens": list(range(END, FIRST_TIME + TIMES))}
plain = [transcribe(30, **words_only), transcribe(70, return_timestamps=True, **fallback)]
with tracelab.trace() as short:
    ids = [transcribe(30, **words_only)]
with tracelab.trace() as long:
    ids.append(transcribe(70, return_timestamps=True, **fallback))

short.print_steps()
print()
long.print_steps()
loops = long.generations()
places = [(one.steps[0].facts["window"], one.steps[0].facts["attempt"]) for one in loops]
print("the same tokens without the trace:", all(map(torch.equal, plain, ids)))
print("short form, loops:", len(short.generations()), "cross-attention to", short.step(0).cross_length)
print("window and attempt of each loop:", places)
print("temperatures:", [one.loop.facts.get("temperature", one.mode) for one in loops])
print("runs of the encoder:", sum(step.phase == "encode" for step in long.steps()))
