"""Every field of a pipeline spec, with its type, its meaning and its fate.

The names here are those of Pachyderm's ``.proto`` files; in JSON they are camelCase, and both are read.

Source: https://github.com/pachyderm/pachyderm/blob/master/src/pps/pps.proto
"""

from __future__ import annotations

from typing import Annotated

from runner.spec.fates import Message, done, kubernetes, noted, refused
from runner.spec.scalars import Duration, Int32, Int64, JsonText, Number, OneOf, Text, Timestamp, Uint64

TolerationOperator = Annotated[str, OneOf(("EMPTY", "EXISTS", "EQUAL"))]
TaintEffect = Annotated[str, OneOf(("ALL_EFFECTS", "NO_SCHEDULE", "PREFER_NO_SCHEDULE", "NO_EXECUTE"))]
FileFormatType = Annotated[str, OneOf(("UNKNOWN", "CSV", "JSON", "PARQUET"))]

_OF_THE_REQUEST = "it belongs to a request, not to a spec, and has no effect"


class Project(Message):
    """Where a pipeline lives."""

    name: Text | None = done("Name of the project")


class PipelineName(Message):
    """A pipeline's address."""

    name: Text | None = done("Name of the pipeline, and of its output repo")
    project: Project | None = done("The project it lives in; default: the command's --project")


class Metadata(Message):
    """Metadata of Kubernetes objects."""

    annotations: dict[Text, Text] | None = kubernetes("Annotations of the pods")
    labels: dict[Text, Text] | None = kubernetes("Labels of the pods")


class SecretMount(Message):
    """A secret that the transform asks for."""

    name: Text | None = done("Name of the secret: a folder below the secrets folder")
    key: Text | None = done("Key within the secret: a file in that folder")
    mount_path: Text | None = done("Where the secret appears as a file or folder")
    env_var: Text | None = done("Variable that holds the key's value")


class TransformSpec(Message):
    """The user's code."""

    image: Text | None = noted("Container image", "the command runs on this machine, not in an image")
    cmd: list[Text] | None = done("Argument vector; no shell is involved")
    err_cmd: list[Text] | None = done("Run after each failed attempt; when it succeeds the datum counts as recovered")
    env: dict[Text, Text] | None = done("Environment variables")
    secrets: list[SecretMount] | None = done("Secrets, as files or variables")
    image_pull_secrets: list[Text] | None = kubernetes("Secrets for the image's registry")
    stdin: list[Text] | None = done("Lines for cmd's standard input")
    err_stdin: list[Text] | None = done("Lines for err_cmd's standard input")
    accept_return_code: list[Int64] | None = done("Exit statuses besides 0 that count as success")
    debug: bool | None = noted("Debug logging", "it has no effect, as in Pachyderm")
    user: Text | None = done("User to run as: user[:group] or uid[:gid]")
    working_dir: Text | None = done("Folder in which cmd starts")
    dockerfile: Text | None = noted("Where the image comes from", "it is for people; nothing reads it")
    memory_volume: bool | None = kubernetes("/pfs is a memory volume")
    datum_batching: bool | None = refused(
        "One process asks for datums", "drop it: the command then runs once for each datum"
    )


class Trigger(Message):
    """When an input branch moves."""

    branch: Text | None = done("Branch that is watched")
    all: bool | None = done("All conditions must hold, not any")
    rate_limit_spec: Text | None = done("At most once per tick of this cron expression")
    size: Text | None = done("After this much new data: 100MB")
    commits: Int64 | None = done("After so many commits")
    cron_spec: Text | None = done("At ticks of this cron expression")


class Propagation(Message):
    """What a commit on an input starts."""

    never: bool | None = done("A commit here starts no job")


class Pfs(Message):
    """A branch of a repo as input."""

    project: Text | None = done("Project of the repo; default: the pipeline's")
    name: Text | None = done("Name of bucket, folder and variable; default: the repo's")
    repo: Text | None = done("Name of the repo")
    repo_type: Text | None = done("Kind of repo; only user repos are kept here")
    branch: Text | None = done("Branch of the repo; default: master")
    commit: Text | None = refused("A commit is pinned for each job", "name a branch; pin with --input NAME=REPO@COMMIT")
    glob: Text | None = done('Which paths make datums; "/" is the whole repo')
    join_on: Text | None = done("Key of a join, from the glob's captures: $1")
    outer_join: bool | None = done("Keep what has no partner in the join")
    group_by: Text | None = done("Key of a group, from the glob's captures: $1")
    lazy: bool | None = noted("Files as named pipes", "its files are ordinary files here")
    empty_files: bool | None = noted("Files without content", "its files have their content here")
    s3: bool | None = done("The input is a bucket, not a folder")
    trigger: Trigger | None = done("Condition under which the input moves")
    propagation_spec: Propagation | None = done("What a commit here starts")
    reference: bool | None = done("Its changes alone do not make a datum new")


class Cron(Message):
    """A clock as input."""

    name: Text | None = done("Name of folder and variable")
    project: Text | None = done("Project of the repo; default: the pipeline's")
    repo: Text | None = done("Repo of the ticks; default: PIPELINE_NAME")
    commit: Text | None = refused("A commit is pinned for each job", "drop it")
    spec: Text | None = done("Cron expression, @every 60s, @daily, or @never")
    overwrite: bool | None = done("Keep the latest tick alone")
    start: Timestamp | None = done("Time of the first tick; default: now")


class InputSpec(Message):
    """Exactly one kind of input."""

    pfs: Pfs | None = done("A branch of a repo")
    join: list[InputSpec] | None = done("Files that share a key")
    group: list[InputSpec] | None = done("All files that share a key")
    cross: list[InputSpec] | None = done("Every combination")
    union: list[InputSpec] | None = done("One after the other")
    cron: Cron | None = done("A clock")


class Parallelism(Message):
    """How many workers."""

    constant: Uint64 | None = kubernetes("Number of workers")


class ObjectStorage(Message):
    """An object store as target."""

    url: Text | None = done("Target, as URL")


class FileFormat(Message):
    """Form of the files to load."""

    type: FileFormatType | None = refused("Form of the files", "drop sqlDatabase")
    columns: list[Text] | None = refused("Columns", "drop sqlDatabase")


class SqlSecret(Message):
    """Where the password is."""

    name: Text | None = refused("Name of the secret", "drop sqlDatabase")
    key: Text | None = refused("Key of the secret", "drop sqlDatabase")


class SqlDatabase(Message):
    """A database as target."""

    url: Text | None = refused("Target", "drop sqlDatabase")
    file_format: FileFormat | None = refused("Form of the files", "drop sqlDatabase")
    secret: SqlSecret | None = refused("Password", "drop sqlDatabase")


class Egress(Message):
    """Where the output is copied after the job."""

    url: Text | None = done("Target: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix", alias="URL")
    object_storage: ObjectStorage | None = done("An object store")
    sql_database: SqlDatabase | None = refused("A database", "drop it and load the database in a step after the job")


class DatumSet(Message):
    """Batches of datums."""

    number: Int64 | None = noted("Datums of a batch", "datums run one after another, without batches")
    size_bytes: Int64 | None = noted("Bytes of a batch", "datums run one after another, without batches")
    per_worker: Int64 | None = noted("Batches of a worker", "datums run one after another, without batches")


class Gpu(Message):
    """Accelerators."""

    type: Text | None = kubernetes("Resource name: nvidia.com/gpu")
    number: Int64 | None = kubernetes("How many")


class Resources(Message):
    """What a container may use."""

    cpu: Number | None = kubernetes("Processors, parts allowed")
    memory: Text | None = kubernetes("Memory: 512Mi, 2G")
    disk: Text | None = kubernetes("Ephemeral storage: 10Gi")
    gpu: Gpu | None = kubernetes("Accelerators")


class Limits(Message):
    """What the code may use."""

    cpu: Number | None = done("Processors, parts allowed; held where a control group can be made")
    memory: Text | None = done("Memory: 512Mi, 2G; held for all processes together where a control group can be made")
    disk: Text | None = done("Ephemeral storage: 10Gi; outside of Kubernetes held for each file")
    gpu: Gpu | None = kubernetes("Accelerators")


class Scheduling(Message):
    """Where pods may run."""

    node_selector: dict[Text, Text] | None = kubernetes("Labels that a node must have")
    priority_class_name: Text | None = kubernetes("Priority class")


class Toleration(Message):
    """A taint that pods tolerate."""

    keeps_zero = frozenset({"tolerationSeconds"})

    key: Text | None = kubernetes("Key of the taint; empty: all")
    operator: TolerationOperator | None = kubernetes("How key and value compare")
    value: Text | None = kubernetes("Value of the taint")
    effect: TaintEffect | None = kubernetes("Effect of the taint")
    toleration_seconds: Int64 | None = kubernetes("For how long; NO_EXECUTE only")


class Service(Message):
    """A server instead of a job."""

    internal_port: Int32 | None = refused("Port of the container", "drop service")
    external_port: Int32 | None = refused("Port outside", "drop service")
    ip: Text | None = refused("Address", "drop service")
    type: Text | None = refused("Kind of Kubernetes service", "drop service")


class Spout(Message):
    """A source that never ends."""

    service: Service | None = refused("Its server", "drop spout")


class Determined(Message):
    """Integration with Determined AI."""

    workspaces: list[Text] | None = noted("Workspaces", "no DET_* variables are set")


class TfJob(Message):
    """A Kubeflow job."""

    tf_job: Text | None = refused("Serialized Kubeflow job", "drop tfJob")


class SpecRepo(Message):
    """Repo of a stored spec."""

    name: Text | None = noted("Name", _OF_THE_REQUEST)
    type: Text | None = noted("Kind", _OF_THE_REQUEST)
    project: Project | None = noted("Project", _OF_THE_REQUEST)


class SpecBranch(Message):
    """Branch of a stored spec."""

    repo: SpecRepo | None = noted("Repo", _OF_THE_REQUEST)
    name: Text | None = noted("Name", _OF_THE_REQUEST)


class SpecCommit(Message):
    """Commit of a stored spec."""

    repo: SpecRepo | None = noted("Repo", _OF_THE_REQUEST)
    id: Text | None = noted("Id", _OF_THE_REQUEST)
    branch: SpecBranch | None = noted("Branch", _OF_THE_REQUEST)


class PipelineSpec(Message):
    """A pipeline: which code runs on which data, and where the result goes."""

    pipeline: PipelineName | None = done("The pipeline's name")
    description: Text | None = done("What it is for")
    metadata: Metadata | None = kubernetes("Labels and annotations")
    tf_job: TfJob | None = refused("A Kubeflow job", "write the program as transform.cmd")
    transform: TransformSpec | None = done("The user's code")
    parallelism_spec: Parallelism | None = kubernetes("How many workers")
    egress: Egress | None = done("Where the output is copied, before it is committed")
    update: bool | None = noted("Update a pipeline that exists", _OF_THE_REQUEST)
    output_branch: Text | None = done("Branch that gets the output; default: master")
    s3_out: bool | None = done('The output is the bucket "out", not the folder /pfs/out')
    resource_requests: Resources | None = kubernetes("What a worker needs")
    resource_limits: Limits | None = done("What the code may use")
    sidecar_resource_limits: Resources | None = kubernetes("What the sidecar may use")
    sidecar_resource_requests: Resources | None = kubernetes("What the sidecar needs")
    input: InputSpec | None = done("The data it works on")
    reprocess: bool | None = noted("Process all datums again", _OF_THE_REQUEST)
    service: Service | None = refused("A server instead of a job", "drop it; a job ends, so run the server elsewhere")
    spout: Spout | None = refused(
        "A source that never ends", "drop it; let the source write files, and runner file put makes a commit of them"
    )
    datum_set_spec: DatumSet | None = noted("Batches of datums", "datums run one after another, without batches")
    datum_timeout: Duration | None = done("Longest time for one attempt of one datum")
    job_timeout: Duration | None = done("Longest time for the job")
    salt: Text | None = done("Mixed into the datums' hashes: another salt processes all again")
    datum_tries: Int64 | None = done("Attempts for each datum; default: 3")
    scheduling_spec: Scheduling | None = kubernetes("Where pods may run")
    pod_spec: JsonText | None = kubernetes("Merge patch for the pod, as JSON in a string (deprecated)")
    pod_patch: JsonText | None = kubernetes("RFC 6902 patch for the pod, as JSON in a string")
    spec_commit: SpecCommit | None = noted("Commit of a stored spec", _OF_THE_REQUEST)
    reprocess_spec: Text | None = done("until_success or every_job")
    autoscaling: bool | None = noted("Stop workers when idle", "workers stay up")
    maximum_expected_uptime: Duration | None = noted("Alert after this time", "no alert is raised")
    tolerations: list[Toleration] | None = kubernetes("Taints that pods tolerate")
    dry_run: bool | None = noted("Only check", _OF_THE_REQUEST)
    determined: Determined | None = noted("Integration with Determined AI", "no DET_* variables are set")
