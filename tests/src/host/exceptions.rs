//! What a host cannot do: tests of the protocol that are known to fail on it, each with the reason.
use super::Host;
use super::Host::{NativeAzure, NativeS3, SpinS3, SpinSqlite, WasmtimeFs, WasmtimeS3};

/// Tests that fail on some hosts for one reason.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The hosts on which they fail.
    pub hosts: &'static [Host],
    /// Why.
    pub reason: &'static str,
    /// Binary, module and name of each: `wire::uploads::a_blob_goes_up_by_post_and_put`.
    pub tests: &'static [&'static str],
}

const ALL_BUT_OURS: &[Host] = &[WasmtimeFs, WasmtimeS3, SpinSqlite, SpinS3];
const ALL_BUT_FILES: &[Host] = &[NativeS3, NativeAzure, WasmtimeFs, WasmtimeS3, SpinSqlite, SpinS3];
const WASMTIME: &[Host] = &[WasmtimeFs, WasmtimeS3];
const NO_TREE: &[Host] = &[NativeAzure, SpinSqlite];

/// Every exception there is. A test in this table that passes on its host fails the run, as does one that is not there
/// and fails: `on-host` holds the table to be true.
pub const EXCEPTIONS: &[Exception] = &[
    Exception {
        hosts: ALL_BUT_OURS,
        reason: "it writes the names of headers in lower case",
        tests: &["wire::version::header_names_are_in_title_case_as_scripts_expect"],
    },
    Exception {
        hosts: WASMTIME,
        reason: "it tells a component no Host: a Location is a path, unless http.host or a proxy says more",
        tests: &["wire::location::a_location_is_absolute_and_as_the_client_sees_the_server"],
    },
    Exception {
        hosts: NO_TREE,
        reason: "the test looks at files, and the data are in a database, or with Azure",
        tests: &[
            "wire::names::a_bad_name_is_refused_on_every_route_and_leaves_nothing_behind",
            "wire::mount::a_mounted_blob_outlives_the_repository_it_came_from",
            "wire::uploads::a_cancelled_upload_is_gone_with_its_bytes",
            "wire::uploads::the_same_blob_pushed_twice_is_stored_once",
            "model::what_is_taken_from_the_disk_is_missed",
            "specification::enabling_referrers::what_a_referrers_tag_lists_is_a_referrer",
            "specification::enabling_referrers::what_was_there_before_the_api_is_a_referrer_without_any_tag",
        ],
    },
    Exception {
        hosts: ALL_BUT_FILES,
        reason: "only our own store of files remembers which repositories have a blob",
        tests: &[
            "specification::mounting::a_blob_is_mounted_from_wherever_it_is_found_when_no_repository_is_named",
        ],
    },
    Exception {
        hosts: &[NativeS3, NativeAzure],
        reason: "a bucket is asked for each range: beyond 16 the whole blob is the answer",
        tests: &["wire::ranges::a_thousand_ranges_are_as_many_parts"],
    },
    Exception {
        hosts: &[NativeS3],
        reason: "our own host does not start with a setting that is missing or bad",
        tests: &[
            "hosts::bucket::with_parts_that_s3_takes_none_of_it_is_503_and_the_log_names_the_setting",
            "hosts::bucket::without_a_setting_that_is_needed_it_is_503_and_the_log_names_it",
        ],
    },
    Exception {
        hosts: ALL_BUT_OURS,
        reason: "the test reads the access log, which only our own host writes",
        tests: &[
            "clients::crane::crane_uploads_nothing_twice",
            "clients::crane::crane_mounts_from_one_repository_into_another",
            "clients::skopeo::skopeo_uploads_nothing_twice",
            "clients::skopeo::skopeo_mounts_from_one_repository_into_another",
            "clients::docker::docker_uploads_nothing_twice",
            "clients::docker::docker_mounts_from_one_repository_into_another",
            "clients::podman::podman_uploads_nothing_twice",
            "clients::podman::podman_mounts_from_one_repository_into_another",
            "clients::podman::podman_pulls_of_an_image_only_the_files_it_lacks",
            "clients::buildah::buildah_uploads_nothing_twice",
            "clients::buildah::buildah_mounts_from_one_repository_into_another",
            "clients::regctl::regctl_uploads_nothing_twice",
            "clients::regctl::regctl_mounts_from_one_repository_into_another",
            "clients::oras::oras_finds_the_annotations_of_what_is_attached_without_fetching_it",
            "clients::oras::oras_needs_no_tags_in_place_of_the_referrers_api",
            "clients::oras::oras_pulls_the_files_of_an_artifact_that_it_pushed",
        ],
    },
];
