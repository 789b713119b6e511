"""Which path calls which use case. Uploads and content travel as bytes: `gateway.tus` and `gateway.files`."""

from kaif.interfaces.auth.roles import MANAGE_EVENTS, MANAGE_ROLES
from kaif.interfaces.media import READ_SCOPE, WRITE_SCOPE, Library
from kaif.interfaces.media.purges import PurgeQueue
from kaif.interfaces.media.quotas import Quotas
from kaif.interfaces.media.storage import MediaStorage
from kaif.interfaces.media.straight import StraightUploads
from kaif.interfaces.media.work import MediaWork
from kaif.kernel.http import Route, delete, get, post
from kaif.kernel.limits import Limit

OWN_DATA = Limit("own_media_data", per_minute=20, burst=100)
# Each may be made once.
SIZES = Limit("picture_sizes", per_minute=120, burst=120)
# Of 16 MiB and more each, over fast lines.
STRAIGHT = Limit("straight_upload", per_minute=3000, burst=500)

LIBRARY_ROUTES = [
    get("/v1/media/files", Library.list_media, scope=READ_SCOPE),
    get("/v1/media/largest", Library.list_largest, scope=READ_SCOPE),
    get("/v1/media/files/{media_id}", Library.get_media, scope=READ_SCOPE),
    delete("/v1/media/files/{media_id}", Library.delete_media, scope=WRITE_SCOPE),
    post("/v1/media/files/{media_id}/links", Library.sign_media, scope=READ_SCOPE),
    post("/v1/media/links", Library.sign_many, scope=READ_SCOPE),
    post("/v1/media/files/{media_id}/pictures", Library.sign_picture, limit=SIZES, scope=READ_SCOPE),
    get("/v1/media/usage", Library.get_usage, scope=READ_SCOPE),
    get("/v1/media/own-data", Library.export_own_media_data, limit=OWN_DATA),
]

STRAIGHT_ROUTES = [
    get("/v1/media/straight", StraightUploads.get_straight_offer, scope=WRITE_SCOPE),
    post("/v1/media/uploads/{upload_id}/straight", StraightUploads.go_straight, limit=STRAIGHT, scope=WRITE_SCOPE),
]

STORAGE_ROUTES = [get("/v1/media/storage", MediaStorage.report_storage, needs=MANAGE_EVENTS)]

WORK_ROUTES = [
    get("/v1/media/jobs", MediaWork.list_media_jobs, needs=MANAGE_EVENTS),
    post("/v1/media/jobs/{media_id}/stop", MediaWork.stop_media_job, needs=MANAGE_EVENTS, status=204),
    post("/v1/media/jobs/{media_id}/retry", MediaWork.retry_media_job, needs=MANAGE_EVENTS, status=204),
    post("/v1/media/jobs/{media_id}/discard", MediaWork.discard_media_job, needs=MANAGE_EVENTS, status=204),
]

PURGE_ROUTES = [
    get("/v1/media/cdn-purges", PurgeQueue.list_cdn_purges, needs=MANAGE_EVENTS),
    post("/v1/media/cdn-purges/retry", PurgeQueue.retry_cdn_purges, needs=MANAGE_EVENTS, status=204),
]
QUOTA_ROUTES = [
    get("/v1/media/quotas", Quotas.list_quotas, needs=MANAGE_ROLES),
    post("/v1/media/quotas/roles/{role}", Quotas.set_role_quota, needs=MANAGE_ROLES),
    get("/v1/media/quotas/people/{user_id}", Quotas.get_person_quota, needs=MANAGE_ROLES),
    post("/v1/media/quotas/people/{user_id}", Quotas.set_person_quota, needs=MANAGE_ROLES),
]

# The interfaces of media, and the routes on which the world reaches them.
SURFACE: list[tuple[type, list[Route]]] = [
    (Library, LIBRARY_ROUTES),
    (StraightUploads, STRAIGHT_ROUTES),
    (MediaStorage, STORAGE_ROUTES),
    (MediaWork, WORK_ROUTES),
    (PurgeQueue, PURGE_ROUTES),
    (Quotas, QUOTA_ROUTES),
]
