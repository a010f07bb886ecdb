"""What is known to have broken other gateways, and the tests that hold it off."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent

ATTACKS = {
    "a bad signature over a body with an unsigned trailer": "gateway/wire/test_attacks.py::test_an_unsigned_trailer_excuses_no_verb_from_its_signature",
    "credentials in the query alone, for such a body": "gateway/wire/test_attacks.py::test_an_unsigned_trailer_excuses_no_verb_from_its_signature",
    "such a body for another verb than PUT": "gateway/wire/test_attacks.py::test_an_unsigned_trailer_excuses_no_verb_from_its_signature",
    "an archive that asks to be unpacked": "gateway/wire/test_attacks.py::test_an_archive_is_an_object_like_any_other",
    "a wrong signature of a chunk, the last one too": "gateway/wire/test_clients.py::test_signed_chunks_are_verified_to_the_last",
    "a wrong seed signature": "gateway/wire/test_clients.py::test_a_bad_seed_signature_is_refused_before_the_body",
    "a request from the past or the future": "gateway/auth/test_guard.py::test_a_request_from_another_time_is_refused",
    "a presigned URL for something else, or for ever": "gateway/wire/test_attacks.py::test_a_presigned_url_is_good_for_what_was_signed_alone",
    "a reader's form": "gateway/wire/test_attacks.py::test_a_token_that_reads_writes_by_no_way_and_makes_no_broader_one",
    "a form with fields that its policy does not know": "gateway/test_post_object.py::test_any_other_form_is_refused_and_nothing_is_stored",
    "many deletions at once where none is allowed": "gateway/test_delete_objects.py::test_objects_of_an_input_are_denied_one_by_one",
    "dots in the path": "gateway/wire/test_attacks.py::test_a_grant_on_one_name_is_none_on_a_longer_one",
    "dots in the source of a copy": "gateway/test_copy_source.py::test_a_source_is_decoded_once_and_never_normalised",
    "a bucket whose name begins as another's": "gateway/wire/test_attacks.py::test_a_grant_on_one_name_is_none_on_a_longer_one",
    "a path as an upload id": "gateway/test_upload_part.py::test_an_unknown_upload_of_any_shape_is_not_found",
    "keys that look like paths": "gateway/wire/test_connection.py::test_odd_keys_are_keys",
    "an external entity": "gateway/test_xml.py::test_an_external_entity_is_never_read",
    "a document that grows": "gateway/test_xml.py::test_what_is_no_such_document_is_malformed",
    "more keys than a request may have": "gateway/test_delete_objects.py::test_a_malformed_request_deletes_nothing",
    "characters that XML cannot hold": "gateway/test_xml.py::test_any_text_makes_a_well_formed_element",
    "ranges that are none": "gateway/test_ranges.py::test_a_range_lies_in_the_object_whatever_was_sent",
    "part numbers and lists of parts that are none": "gateway/test_complete_multipart_upload.py::test_a_wrong_list_completes_nothing",
    "checksums that contradict each other": "gateway/body/test_announced.py::test_what_makes_no_sense_is_refused",
    "broken frames of aws-chunked": "gateway/body/test_framing.py::test_broken_framing_is_refused",
    "a request behind a request": "gateway/wire/test_connection.py::test_framing_that_could_be_read_in_two_ways_is_refused",
    "odd methods and targets": "gateway/wire/test_connection.py::test_unusual_requests_get_a_plain_answer",
    "chunks of version 4 under a signature of version 2": "gateway/wire/test_clients.py::test_version_2_cannot_sign_chunks_of_version_4",
    "a foreign Host": "gateway/wire/test_connection.py::test_a_foreign_host_is_refused",
    "a page in a browser": "gateway/wire/test_connection.py::test_a_page_in_a_browser_deletes_nothing",
    "a body that is not the one signed": "gateway/wire/test_connection.py::test_a_chunked_body_without_a_length_is_stored",
    "a secret in a log": "gateway/wire/test_connection.py::test_what_is_told_of_a_request_holds_no_query_and_no_secret",
    "well-known credentials": "gateway/wire/test_attacks.py::test_well_known_credentials_open_nothing",
    "a narrow token that makes a broader one": "gateway/wire/test_attacks.py::test_a_token_that_reads_writes_by_no_way_and_makes_no_broader_one",
    "links and devices in an import": "store/test_files.py::test_everything_that_cannot_be_imported_is_told_at_once_and_nothing_is_made",
    "keys that lead out of an export": "store/test_files.py::test_keys_that_a_folder_cannot_hold_stop_before_anything_is_written",
    "a race of conditional writers": "store/contract_view.py::test_of_many_that_create_one_key_one_wins",
    "a forged position in a listing": "gateway/test_listing.py::test_a_forged_token_is_a_position_or_an_invalid_argument",
    "a head that never ends": "gateway/wire/test_connection.py::test_a_head_that_does_not_come_to_its_end_is_given_up",
    "a body that never ends": "gateway/wire/test_connection.py::test_a_body_that_stalls_is_refused_and_leaves_nothing",
    "a client that goes in the middle": "gateway/wire/test_connection.py::test_a_client_that_vanishes_leaves_nothing",
    "examples that lead to somebody else's bucket": "test_attacks.py::test_no_example_speaks_to_another_endpoint_than_ours",
    "a program that goes on after its job": "gateway/wire/test_operations.py::test_the_end_of_an_attempt_is_409_for_every_request",
    "a job that writes to its inputs": "gateway/test_put_object.py::test_a_refused_put_leaves_the_object_as_it_was",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_has_its_test(attack: str) -> None:
    file, _, name = ATTACKS[attack].partition("::")
    assert re.search(rf"def {name}\(", (ROOT / file).read_text(encoding="utf-8"))


def test_no_example_speaks_to_another_endpoint_than_ours() -> None:
    """A command of the documentation that names a bucket runs in a job, or says our endpoint before."""
    documents = [ROOT.parent / "README.md", *(ROOT.parent / "docs").glob("*.md")]
    for document in documents:
        for block in re.findall(r"```sh\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL):
            if "aws s3" in block:
                assert "AWS_ENDPOINT_URL=http://127.0.0.1" in block.partition("aws s3")[0], document
