# Shared
app-name = Điểm cầu
language-other = Tiếng Việt
language-other-title = Chuyển sang tiếng Việt
sign-out = Sign out
retry = Try again
cancel = Cancel
close = Close
link-lost = Connection to the server lost. Figures may be old; reconnecting…
server-silent = The server does not answer. Check the network and try again.

# Sign-in
sign-in-title = Control room
sign-in-intro = Sign in to watch and run a conference.
user = User name
password = Password
sign-in = Sign in
signing-in = Signing in…
sign-in-wrong = Wrong user name or password.
hall-hint = Are you at a hall?
hall-hint-link = Join with a link or a code

# Conferences
conferences = Conferences
conferences-none = No conference yet. Name one in the server's configuration, or import a list of sites.
conference-sites = { $n } sites
open-control-room = Open the control room

# Sitting
state-draft = In preparation
state-ready = Ready
state-live = Live
state-closed = Closed
step-draft = Back to preparation
step-ready = Ready for halls
step-live = Open the sitting
step-closed = Close the sitting
close-title = Close the sitting?
close-text = Once closed, halls can no longer send figures. { $reported } of { $sites } sites have reported.
count-line = { $present } ({ $reported }/{ $sites } sites)
count-title = Present { $present } of { $expected }, late { $late }, absent { $absent }
count-expected = of { $expected } expected
count-age = oldest report { $age } ago
view-only = View only

# State of a link
link-ok = Good
link-degraded = Poor
link-lost-state = Lost
link-not-joined = Not in
reason-no-program = receives no program
reason-frozen = the program's picture stands still
reason-no-picture = sends no picture
reason-loss = packet loss on the line
reason-slow = slow line
tally-off = Off air
tally-standby = Standby
tally-on-air = On air

# Tree of sites
sites = Sites
search = Find a site (accents not needed)
worst-first = Worst first
fold-all = Fold
unfold-all = Unfold all
filter-all = All
filter-label = Filter by state
tree-none = No site matches.
tree-found = { $n } sites match
branch-summary = { $lost } lost, { $degraded } poor, { $notjoined } not in
reported-of = { $reported }/{ $sites } sites
late-short = Late
unreported = not reported

# Pictures
program = Program
selected-site = Selected site
select-a-site = Choose a site in the tree or on the wall to see its picture and its line.
branches = Head count by branch
branch = Branch
branch-reported = Reported
branch-rate = Rate
branch-rate-title = Present of expected, over the sites that have reported
counts-unclassified = Absent, no reason stated
video-connecting = Connecting…
video-waiting = Connected, waiting for the picture…
video-retry = No picture yet, trying again…
video-off = No signal
sound-on = Sound on
sound-off = Sound off
health-loss = Loss
health-rtt = Round trip
health-bitrate = Picture sent
health-frames = Frame rate
health-holes = Program packets missing
health-program = Program received
health-relay = Relay
health-mode = Link mode
health-since = Since
health-packets = { $n } packets
mode-two-way = Two-way
mode-relay = Watches only
mode-loudspeaker = Loudspeaker
figures = Head count
figures-subtree = Whole branch
no-figures = Not reported
join-link = Join link
join-code = Code for the phone
show-link = Get link and code
copy = Copy
copied = Copied
wall = Wall of halls
wall-hint = worst first
wall-more = and { $n } more sites

# To do
todo = Needs attention
todo-none = Nothing. Every site is fine.
alarms = Incidents
not-joined-list = Not joined
not-reported-list = Not reported
and-more = and { $n } more sites
alarm-branch-lost = Whole branch lost ({ $n } sites)
alarm-lost = Site lost
alarm-no-program = Receives no program
alarm-frozen = The program's picture stands still
alarm-no-picture = Sends no picture
alarm-loss = { $loss } packet loss
alarm-slow = Slow line, { $rtt }
alarm-unsteady = Unsteady line
alarm-relay-lost = Relay { $relay } lost
do-branch-lost = Call the branch's technician: check power and the line to the relay.
do-lost = Call the hall: check power and network, then open the page again.
do-no-program = Ask the hall to reload the page; then check the UDP port.
do-frozen = Ask the hall to reload the page; then try another machine or browser.
do-no-picture = Ask the hall to check the camera and its permission.
do-loss = Ask the hall to use a network cable and stop other traffic.
do-slow = Ask the hall to use a network cable, or another line.
do-unsteady = Keep an eye on it; if it comes again, ask the hall for another line.
do-relay-lost = Check the relay's machine; halls keep their picture by the last plan.

# Relays
relays = Relays
relay-name = Relay
relay-level = Level
relay-parent = Parent
relay-halls = Halls
relay-bitrate = Sends
relay-state = State
relay-connected = Up
relay-connecting = Connecting
relay-lost = Lost

# Hall page: joining
hall-title = Join a hall
hall-intro = Type the code the control room gave you, or paste the link.
hall-code = Code or link
hall-join = Join
hall-joining = Joining…
hall-code-wrong = The code is wrong or has ended. Check it, or ask the control room for a new one.
hall-leave = Leave
hall-leave-title = Leave the hall?
hall-leave-text = This machine stops sending its picture and receiving the program. Joining again takes the link or the code.

# Hall page: devices
devices-title = Check your devices
camera = Camera
microphone = Microphone
device-default = Default
device-none = Do not use
device-no-camera = No camera found. You can join: the hall watches, the control room does not see it.
device-no-microphone = No microphone found. You can join: the control room does not hear the hall.
device-denied = The browser does not allow camera and microphone. Press the lock beside the address, choose Allow, and try again.
device-busy = Another program uses the camera. Close it and try again.
device-insecure = Browsers allow a camera only on https addresses. Open the link exactly as you got it.
device-asking = The browser asks for camera and microphone: choose Allow.
speak-now = Speak: the bar has to follow your voice.
microphone-level = Microphone level
check-camera = Picture
check-microphone = Sound
check-server = Control room
check-media = Relay
check-good = good
check-bad = not yet
check-waiting = waiting
enter-hall = Enter

# Hall page: watching
tally-off-word = Off air
tally-standby-word = Standby
tally-on-air-word = On air
tally-off-text = Other halls neither see nor hear this hall.
tally-standby-text = You are next. Unmute and sit in front of the camera.
tally-on-air-text = Every hall sees and hears this hall now.
own-picture = Picture you send
own-picture-none = No picture sent
mic-on = Microphone on
mic-off = Microphone off
mic-none = No microphone
full-screen = Full screen
full-screen-end = Leave full screen
floor-picture = Hall that speaks
quality-good = The line is good
quality-weak = The line is weak, the picture may stutter. Use a network cable if you can.
quality-slow = The line is slow, sound may lag.
quality-none = No program arrives, reconnecting…
quality-connecting = Connecting to the program…
quality-no-relay = No relay serves this hall yet. The control room is on it; this page connects by itself.
quality-no-server = Control room not reachable, the picture stays. Reconnecting…
quality-not-sent = This hall's picture cannot be sent yet, trying again…
bye-taken_over = This hall was opened elsewhere
bye-too_many_messages = The centre hung up: this page sent too many messages
bye-not_understood = The centre hung up: this page speaks another version
bye-again = Use this machine

# Head count
counts-title = Report the head count
counts-open = Head count
counts-sent-line = Reported: { $present }/{ $expected }
counts-pending = { $n } not sent
counts-sending = Sending…
counts-expected = Expected
counts-present = Present
counts-late = Late, of those present
counts-excused = Absent with a reason
counts-unexcused = Absent without a reason
counts-rest = { $n } more absent, no reason stated.
counts-complete = Complete: present and absent add up to expected.
counts-send = Send
counts-ok = The control room has your report.
counts-refused = Refused: { $reason }
counts-queued = Not received yet. The report is kept here and is sent again by itself.
counts-number = A number from 0 to 20,000.
counts-over = Present and absent add up to { $sum }, more than the { $expected } expected.
counts-late-over = Late cannot be more than present.
not-found = No such page.
not-found-home = To the first page

# The server refuses: the name is the answer's `type`
refused-illegal_step = The sitting cannot take this step. Its state has just changed; look again.
refused-no_chair = There is no chair yet, so the sitting cannot be opened.
refused-chair_in_use = A live sitting cannot be left without a chair.
refused-counts_not_taken = Head counts are taken only while the sitting is ready or live.
refused-counts_roll = The expected figure does not agree with the site's roll.
refused-counts_sum = Present and absent do not add up to expected.
refused-counts_late = Late cannot be more than present.
refused-counts_limit = Too large: a site reports at most 20,000 people.
refused-site_not_counted = This site has no head count.
refused-report_id_reused = This report was sent before with other figures. Send again to make a new one.
refused-too_many_reports = This site has sent too many reports. Call the control room.
refused-too_many_tries = Too many tries. Wait a minute and try again.
refused-unknown_site = The conference has no such site.
refused-not_found = Not found. The conference or the site may have changed.
refused-role = This account may not do that.
refused-other_site = The code in use is another site's.
refused-origin = This page was opened at a wrong address. Open the link you were sent.
refused-no_credential = Not signed in. Reload the page and sign in.
refused-session_ended = Your session has ended. Reload the page and sign in again.
refused-unavailable = The server is busy. Wait a moment and try again.
refused-timeout = The server took too long. Try again.
refused-fault = The server met a fault; its log says which.
refused-other = The server refused (code { $status }).
page-fault = The page met a fault. Reload it and try again.
