# Chung
app-name = Điểm cầu
language-other = English
language-other-title = Switch to English
sign-out = Đăng xuất
retry = Thử lại
cancel = Hủy
close = Đóng
link-lost = Mất liên lạc với máy chủ. Số liệu có thể đã cũ, đang nối lại…
server-silent = Không liên lạc được với máy chủ. Kiểm tra mạng rồi thử lại.

# Đăng nhập
sign-in-title = Trung tâm điều khiển
sign-in-intro = Đăng nhập để theo dõi và điều hành hội nghị.
user = Tên đăng nhập
password = Mật khẩu
sign-in = Đăng nhập
signing-in = Đang đăng nhập…
sign-in-wrong = Sai tên đăng nhập hoặc mật khẩu.
hall-hint = Bạn ở điểm cầu?
hall-hint-link = Vào điểm cầu bằng đường dẫn hoặc mã

# Danh sách hội nghị
conferences = Hội nghị
conferences-none = Chưa có hội nghị nào. Khai báo hội nghị trong tệp cấu hình của máy chủ, hoặc nhập danh sách điểm cầu.
conference-sites = { $n } điểm cầu
open-control-room = Mở trung tâm điều khiển

# Buổi họp
state-draft = Đang chuẩn bị
state-ready = Sẵn sàng
state-live = Đang họp
state-closed = Đã bế mạc
step-draft = Quay lại chuẩn bị
step-ready = Sẵn sàng đón điểm cầu
step-live = Khai mạc
step-closed = Bế mạc
close-title = Bế mạc buổi họp?
close-text = Sau khi bế mạc, các điểm cầu không gửi số liệu được nữa. Hiện có { $reported }/{ $sites } điểm cầu đã báo cáo.
count-line = { $present } ({ $reported }/{ $sites } điểm cầu)
count-title = Có mặt { $present }/{ $expected } đồng chí, đi chậm { $late }, vắng { $absent }
count-expected = trên { $expected } phải dự
count-age = báo cáo cũ nhất cách đây { $age }
view-only = Chỉ xem

# Trạng thái đường truyền
link-ok = Tốt
link-degraded = Kém
link-lost-state = Mất
link-not-joined = Chưa vào
reason-no-program = không nhận được tín hiệu chính
reason-frozen = tín hiệu chính đứng hình
reason-no-picture = không gửi hình lên
reason-loss = mất gói trên đường truyền
reason-slow = đường truyền chậm
tally-off = Không lên sóng
tally-standby = Chuẩn bị
tally-on-air = Đang lên sóng

# Cây điểm cầu
sites = Điểm cầu
search = Tìm điểm cầu (không cần dấu)
worst-first = Kém nhất lên đầu
fold-all = Thu gọn
unfold-all = Mở hết
filter-all = Tất cả
filter-label = Lọc theo trạng thái
tree-none = Không có điểm cầu nào khớp.
tree-found = { $n } điểm cầu khớp
branch-summary = { $lost } mất, { $degraded } kém, { $notjoined } chưa vào
reported-of = { $reported }/{ $sites } điểm
late-short = Đi chậm
unreported = chưa báo cáo

# Hình
program = Tín hiệu chính
selected-site = Điểm cầu đang xem
select-a-site = Chọn một điểm cầu trong cây hoặc trên bảng để xem hình và đường truyền.
branches = Quân số theo nhánh
branch = Nhánh
branch-reported = Đã báo
branch-rate = Tỷ lệ
branch-rate-title = Có mặt trên phải dự, trong các điểm cầu đã báo cáo
counts-unclassified = Vắng chưa rõ lý do
video-connecting = Đang nối hình…
video-waiting = Đã nối, đang chờ hình…
video-retry = Chưa có hình, đang thử lại…
video-off = Chưa có tín hiệu
sound-on = Bật tiếng
sound-off = Tắt tiếng
health-loss = Mất gói
health-rtt = Trễ khứ hồi
health-bitrate = Hình gửi lên
health-frames = Khung hình
health-holes = Gói tín hiệu chính thiếu
health-program = Tín hiệu chính đã nhận
health-relay = Trạm chuyển tiếp
health-mode = Kiểu nối
health-since = Từ lúc
health-packets = { $n } gói
mode-two-way = Hai chiều
mode-relay = Tiếp sóng
mode-loudspeaker = Truyền thanh
figures = Quân số
figures-subtree = Cả nhánh
no-figures = Chưa báo cáo
join-link = Đường dẫn vào điểm cầu
join-code = Mã đọc qua điện thoại
show-link = Lấy đường dẫn và mã
copy = Sao chép
copied = Đã sao chép
wall = Bảng điểm cầu
wall-hint = kém nhất lên đầu
wall-more = và { $n } điểm cầu khác

# Việc cần xử lý
todo = Việc cần xử lý
todo-none = Không có việc nào. Mọi điểm cầu đều tốt.
alarms = Sự cố
not-joined-list = Chưa vào
not-reported-list = Chưa báo cáo
and-more = và { $n } điểm cầu nữa
alarm-branch-lost = Mất cả nhánh ({ $n } điểm cầu)
alarm-lost = Mất điểm cầu
alarm-no-program = Không nhận được tín hiệu chính
alarm-frozen = Tín hiệu chính đứng hình
alarm-no-picture = Không có hình gửi lên
alarm-loss = Mất gói { $loss }
alarm-slow = Đường truyền chậm, { $rtt }
alarm-unsteady = Đường truyền chập chờn
alarm-relay-lost = Mất trạm chuyển tiếp { $relay }
do-branch-lost = Gọi trực kỹ thuật của nhánh: kiểm tra điện và đường truyền tới trạm.
do-lost = Gọi điểm cầu: kiểm tra điện, mạng, rồi mở lại trang.
do-no-program = Nhờ điểm cầu tải lại trang; nếu không được, kiểm tra cổng UDP.
do-frozen = Nhờ điểm cầu tải lại trang; nếu vẫn đứng hình, đổi máy hoặc trình duyệt.
do-no-picture = Nhờ điểm cầu kiểm tra máy quay và quyền dùng máy quay.
do-loss = Nhờ điểm cầu dùng cáp mạng, tắt tải khác.
do-slow = Nhờ điểm cầu dùng cáp mạng, đổi đường truyền nếu có.
do-unsteady = Theo dõi thêm; nếu lặp lại, nhờ điểm cầu đổi đường truyền.
do-relay-lost = Kiểm tra máy trạm; các điểm cầu vẫn giữ hình theo kế hoạch cuối.

# Trạm chuyển tiếp
relays = Trạm chuyển tiếp
relay-name = Trạm
relay-level = Tầng
relay-parent = Nhận từ
relay-halls = Điểm cầu
relay-bitrate = Phát ra
relay-state = Trạng thái
relay-connected = Thông
relay-connecting = Đang nối
relay-lost = Mất

# Trang điểm cầu: vào
hall-title = Vào điểm cầu
hall-intro = Nhập mã được trung tâm đọc cho, hoặc dán đường dẫn.
hall-code = Mã hoặc đường dẫn
hall-join = Vào
hall-joining = Đang vào…
hall-code-wrong = Mã không đúng hoặc đã hết hạn. Kiểm tra lại, hoặc gọi trung tâm xin mã mới.
hall-leave = Rời điểm cầu
hall-leave-title = Rời điểm cầu?
hall-leave-text = Máy này ngừng gửi hình và nhận tín hiệu chính. Muốn vào lại cần đường dẫn hoặc mã.

# Trang điểm cầu: thiết bị
devices-title = Kiểm tra thiết bị
camera = Máy quay
microphone = Micrô
device-default = Mặc định
device-none = Không dùng
device-no-camera = Không thấy máy quay. Vẫn vào được: điểm cầu xem tín hiệu chính, trung tâm không thấy hình.
device-no-microphone = Không thấy micrô. Vẫn vào được: trung tâm không nghe thấy điểm cầu.
device-denied = Trình duyệt chưa cho dùng máy quay và micrô. Bấm biểu tượng ổ khóa cạnh địa chỉ, chọn Cho phép, rồi thử lại.
device-busy = Máy quay đang bị phần mềm khác dùng. Tắt phần mềm đó rồi thử lại.
device-insecure = Trình duyệt chỉ cho dùng máy quay trên địa chỉ https. Mở đúng đường dẫn trung tâm đã gửi.
device-asking = Trình duyệt đang hỏi quyền dùng máy quay và micrô: chọn Cho phép.
speak-now = Nói thử: vạch phải nhảy theo tiếng.
microphone-level = Mức tiếng micrô
check-camera = Hình
check-microphone = Tiếng
check-server = Liên lạc với trung tâm
check-media = Trạm truyền hình
check-good = tốt
check-bad = chưa được
check-waiting = đang chờ
enter-hall = Vào phòng họp

# Trang điểm cầu: xem
tally-off-word = Không lên sóng
tally-standby-word = Chuẩn bị lên sóng
tally-on-air-word = Đang lên sóng
tally-off-text = Các điểm cầu khác không thấy, không nghe điểm cầu này.
tally-standby-text = Sắp đến lượt. Bật micrô và ngồi vào trước máy quay.
tally-on-air-text = Mọi điểm cầu đang thấy và nghe điểm cầu này.
own-picture = Hình gửi đi
own-picture-none = Không gửi hình
mic-on = Micrô đang bật
mic-off = Micrô đang tắt
mic-none = Không có micrô
full-screen = Toàn màn hình
full-screen-end = Thoát toàn màn hình
floor-picture = Điểm cầu phát biểu
quality-good = Đường truyền tốt
quality-weak = Đường truyền yếu, hình có thể giật. Dùng cáp mạng nếu được.
quality-slow = Đường truyền chậm, tiếng có thể trễ.
quality-none = Chưa nhận được tín hiệu chính, đang nối lại…
quality-connecting = Đang nối tín hiệu chính…
quality-no-relay = Chưa có trạm truyền hình cho điểm cầu này. Trung tâm đang xử lý, trang sẽ tự nối.
quality-no-server = Mất liên lạc với trung tâm, hình vẫn giữ. Đang nối lại…
quality-not-sent = Hình của điểm cầu chưa gửi đi được, đang thử lại…
bye-taken_over = Điểm cầu đã mở ở nơi khác
bye-too_many_messages = Trung tâm đã ngắt: trang gửi quá nhiều tin
bye-not_understood = Trung tâm đã ngắt: trang không cùng phiên bản
bye-again = Dùng máy này

# Số liệu
counts-title = Báo cáo quân số
counts-open = Báo quân số
counts-sent-line = Đã báo: { $present }/{ $expected }
counts-pending = chưa gửi { $n }
counts-sending = Đang gửi…
counts-expected = Phải dự
counts-present = Có mặt
counts-late = Trong đó đi chậm
counts-excused = Vắng có lý do
counts-unexcused = Vắng không lý do
counts-rest = Còn { $n } người vắng chưa rõ lý do.
counts-complete = Đủ: có mặt và vắng cộng đúng bằng phải dự.
counts-send = Gửi báo cáo
counts-ok = Trung tâm đã nhận báo cáo.
counts-refused = Trung tâm không nhận: { $reason }
counts-queued = Trung tâm chưa nhận được. Báo cáo đã giữ trong máy và sẽ tự gửi lại.
counts-number = Nhập số từ 0 đến 20.000.
counts-over = Có mặt và vắng cộng lại được { $sum }, nhiều hơn phải dự { $expected }.
counts-late-over = Đi chậm không thể nhiều hơn có mặt.
not-found = Không có trang này.
not-found-home = Về trang đầu

# Máy chủ từ chối: tên là `type` trong câu trả lời
refused-illegal_step = Phiên họp không chuyển được sang bước này. Trạng thái vừa thay đổi, hãy xem lại.
refused-no_chair = Chưa có điểm cầu chủ trì nên chưa khai mạc được.
refused-chair_in_use = Đang họp thì không được để trống điểm cầu chủ trì.
refused-counts_not_taken = Chỉ nhận quân số khi phiên sẵn sàng hoặc đang họp.
refused-counts_roll = Số phải dự không khớp với danh sách của điểm cầu.
refused-counts_sum = Có mặt và vắng cộng lại không bằng phải dự.
refused-counts_late = Đi chậm không thể nhiều hơn có mặt.
refused-counts_limit = Số quá lớn: mỗi điểm cầu nhận nhiều nhất 20.000 người.
refused-site_not_counted = Điểm cầu này không tính quân số.
refused-report_id_reused = Báo cáo này đã gửi trước với số khác. Bấm gửi lại để tạo báo cáo mới.
refused-too_many_reports = Điểm cầu đã gửi quá nhiều báo cáo. Gọi trung tâm.
refused-too_many_tries = Thử quá nhiều lần. Chờ một phút rồi thử lại.
refused-unknown_site = Hội nghị không có điểm cầu này.
refused-not_found = Không tìm thấy. Có thể hội nghị hoặc điểm cầu đã đổi.
refused-role = Tài khoản này không có quyền làm việc đó.
refused-other_site = Mã đang dùng là của điểm cầu khác.
refused-origin = Trang này mở sai địa chỉ. Mở lại bằng đường dẫn trung tâm đã gửi.
refused-no_credential = Chưa đăng nhập. Tải lại trang rồi đăng nhập.
refused-session_ended = Phiên đăng nhập đã hết. Tải lại trang rồi đăng nhập lại.
refused-unavailable = Máy chủ đang bận. Chờ một lát rồi thử lại.
refused-timeout = Máy chủ trả lời quá chậm. Thử lại.
refused-fault = Máy chủ gặp lỗi; nhật ký của máy chủ có ghi lại.
refused-other = Máy chủ từ chối yêu cầu (mã { $status }).
page-fault = Trang gặp lỗi. Tải lại trang rồi thử lại.
