"""Two pipelines: what stands around `generate` when the program has one line.

"Pipelines" in the documentation: a pipeline prepares its input, runs the model, and makes something readable
of the output.  The one for text generation returns the prompt with its continuation.  The one for speech
recognition makes a spectrogram of the sound, which Whisper's encoder reads once; and it searches with five
beams, although nobody asked for them.
"""

import numpy
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizerFast,
    pipeline,
)

import tracelab

torch.manual_seed(0)
letters = sorted(pre_tokenizers.ByteLevel.alphabet())  # a token for each of 256 bytes
pieces = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(letters)}, merges=[]))
pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
pieces.decoder = decoders.ByteLevel()

words = PreTrainedTokenizerFast(tokenizer_object=pieces)
config = GPT2Config(vocab_size=256, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=None)
write = pipeline("text-generation", model=GPT2LMHeadModel(config).eval(), tokenizer=words, device="cpu")

special = ["<|startoftranscript|>", "<|notimestamps|>"]
tokenizer = WhisperTokenizerFast(tokenizer_object=pieces, additional_special_tokens=special)
end, start, no_times = tokenizer.convert_tokens_to_ids(["<|endoftext|>", *special])
tokens = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": start}
whisper = WhisperForConditionalGeneration(
    WhisperConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        max_source_positions=50,  # one second: 100 spectrogram columns, halved
        max_target_positions=32,
        **tokens,
    )
).eval()
whisper.generation_config = GenerationConfig(
    no_timestamps_token_id=no_times, is_multilingual=False, suppress_tokens=[end, start, no_times], **tokens
)
hear = pipeline(
    "automatic-speech-recognition",
    model=whisper,
    tokenizer=tokenizer,
    feature_extractor=WhisperFeatureExtractor(chunk_length=1),
    device="cpu",
)
sound = numpy.sin(numpy.arange(16_000) / 6).astype("float32")


def both():
    """What the two pipelines say."""
    text = write("a fox", max_new_tokens=4, do_sample=False, pad_token_id=0)[0]["generated_text"]
    return text, hear(sound, generate_kwargs={"max_new_tokens": 4})["text"]


plain = both()
with tracelab.trace() as trace:
    texts = both()

trace.print_steps()
print("the same texts without the trace:", plain == texts)
stages = trace.find("TextGenerationPipeline.*")
print("stages:", ", ".join(dict.fromkeys(call.function for call in stages)))
for one in trace.generations():
    print(f"{one.loop.owner}: {one.mode}, tokens read in each step:", [step.input[1] for step in one.steps])
