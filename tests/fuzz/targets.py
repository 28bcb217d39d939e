"""Everything that is fuzzed: its name, what must hold, sound inputs, and how to change them.

A new decoder that strangers reach gets a row here; both drivers (docs/testing.md) take it from there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.fuzz import blob_targets, chain_targets, corpus, relay_targets, shop_targets, wire_targets
from tests.fuzz.cbor_mutations import mutate_cbor
from tests.fuzz.frame_mutations import mutate_frames
from tests.fuzz.mutator import Mutate, Mutator
from tests.fuzz.protobuf_mutations import mutate_protobuf
from tests.fuzz.text_mutations import mutate_text


@dataclass(frozen=True)
class Target:
    """check: takes any bytes; raises if something is wrong. corpus: sound inputs. forms: how to change them.

    share: how many of the inputs of a short run, for those that cost more than others.
    """

    check: Callable[[bytes], None]
    corpus: Callable[[], Sequence[bytes]]
    forms: tuple[Mutate, ...] = ()
    share: float = 1.0

    def mutator(self, name: str) -> Mutator:
        """Make the source of inputs. name: of this target."""
        return Mutator(name, self.corpus(), *self.forms)


TARGETS: Mapping[str, Target] = {
    "cbor": Target(wire_targets.cbor, corpus.cbor_items, (mutate_cbor,)),
    "json": Target(wire_targets.json_document, corpus.json_documents, (mutate_text,)),
    "envelope": Target(wire_targets.envelope, corpus.envelopes, (mutate_protobuf,)),
    "patch_set": Target(wire_targets.patch_set, corpus.patch_sets, (mutate_cbor,)),
    "signed_patches": Target(wire_targets.signed_patches, corpus.patch_lists, (mutate_cbor,), 0.5),
    "push": Target(wire_targets.push, corpus.pushed_sets, (mutate_protobuf,)),
    "push_envelope": Target(wire_targets.push_envelope, corpus.envelopes, (mutate_protobuf,)),
    "mmr_proof": Target(wire_targets.mmr_proof, corpus.mmr_proofs, (mutate_cbor,)),
    "sign_in": Target(wire_targets.sign_in, corpus.sign_in_messages, (mutate_text,)),
    "enrolment_body": Target(relay_targets.enrolment_body, corpus.enrolment_bodies, (mutate_text,)),
    "enrolment": Target(relay_targets.enrolment, corpus.sign_in_messages, (mutate_text,), 0.5),
    "subscription": Target(relay_targets.subscription, corpus.subscriptions, (mutate_protobuf,)),
    "session": Target(relay_targets.session, corpus.conversations, (mutate_frames,)),
    "rpc_answer": Target(chain_targets.rpc_answer, chain_targets.rpc_answers, (mutate_text,)),
    "call_result": Target(chain_targets.call_result, chain_targets.call_results, (mutate_text,)),
    "retry_after": Target(chain_targets.retry_after_header, chain_targets.retry_afters, (mutate_text,)),
    "forwarded_for": Target(chain_targets.forwarded_for, chain_targets.forwarded_fors, (mutate_text,)),
    "upload": Target(blob_targets.upload, blob_targets.uploads, (mutate_text,), 0.5),
    "byte_range": Target(blob_targets.byte_range, blob_targets.ranges, (mutate_text,), 0.5),
    "content_id": Target(blob_targets.content_id, blob_targets.content_ids, (mutate_text,)),
    "upload_token": Target(blob_targets.token, blob_targets.tokens, (mutate_text,)),
    "canonical": Target(shop_targets.canonical, corpus.objects, (mutate_cbor,), 0.5),
    "spelling": Target(shop_targets.spelling, corpus.objects, (mutate_cbor,), 0.5),
    "draft": Target(shop_targets.draft, corpus.patch_lists, (mutate_cbor,), 0.5),
    "patch-application": Target(shop_targets.patch_application, corpus.patch_lists, (mutate_cbor,), 0.5),
}
