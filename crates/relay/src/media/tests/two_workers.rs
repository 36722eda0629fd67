//! The stories once more, at relays that send by two threads: a leg's neighbour at the same relay is another thread's.

use super::world::with_workers;

/// Each named story as a test of its own.
macro_rules! again {
    ($($module:ident { $($story:ident)* })*) => {
        $(mod $module {
            $(#[test]
            fn $story() {
                super::with_workers(2, super::super::$module::$story);
            })*
        })*
    };
}

again! {
    demand {
        what_nobody_watches_does_not_cross_the_trunk_and_comes_back_when_somebody_does
        a_stream_that_stopped_and_went_on_has_no_holes_to_repair
        a_lost_wish_heals
        a_parent_that_hears_nothing_sends_everything
        a_wish_travels_up_through_a_relay_that_has_nobody_itself
        a_program_that_dies_gives_way_to_one_that_was_paused
        a_trunk_that_is_dialled_anew_is_told_what_is_not_wanted
        a_paused_stream_outlives_a_rollover_of_its_numbers
        a_tile_takes_no_layer_it_does_not_show
        a_stream_that_ends_and_begins_in_one_moment_is_wanted_again
    }
    legs {
        a_leg_is_reported_from_opening_to_loss
        a_leg_nobody_connects_to_is_given_up
        a_certificate_other_than_the_offers_ends_the_leg
        a_peer_may_move_with_a_verified_check
        an_address_a_leg_forgets_stays_with_whoever_has_it_now
        a_hall_that_writes_its_neighbours_address_does_not_get_it
        the_second_publisher_of_a_hall_ends_the_first_and_no_other
        a_site_that_leaves_the_plan_has_half_a_minute_and_a_conference_that_ends_none
        the_control_room_leaves_room_for_halls
        the_bound_on_legs_holds
    }
    media {
        a_hall_sees_and_hears_another_one
        chromium_gets_gcm_and_an_old_device_what_it_can
        a_lost_packet_is_sent_again_bit_by_bit
        a_hall_that_lost_its_picture_gets_the_publisher_to_send_a_keyframe
        a_hole_in_what_a_publisher_sends_is_asked_for_and_reported
        sender_reports_keep_picture_and_sound_in_step
        when_the_program_dies_the_next_in_line_takes_over_and_no_hall_sees_itself
        the_control_room_watches_a_hall_and_the_floor_fills_its_slot
    }
    publishers {
        a_restarted_encoder_is_a_new_stream_and_the_picture_goes_on
        stragglers_of_an_encoder_that_is_gone_use_up_no_numbers
        a_publisher_that_restarts_again_and_again_is_slowed_down
        a_publisher_that_jumps_in_its_numbering_is_seen_again
        a_hall_that_floods_is_limited_and_its_neighbour_is_not
    }
    trunks {
        the_program_reaches_a_hall_two_hops_away
        a_packet_lost_on_the_trunk_is_repaired_before_the_hall_asks
        a_restarted_parent_is_dialled_again
        a_restarted_child_is_taken_back_once_its_old_session_is_silent
        a_feed_taken_out_of_the_plan_ends_below_and_the_trunk_stays
        a_publisher_that_leaves_ends_its_feed_on_every_level
        a_stranger_with_the_trunks_password_but_another_certificate_gets_nothing
    }
    trunk_sessions {
        neither_an_old_check_nor_a_new_dialler_tears_a_live_trunk_down
        a_new_feed_is_announced_alone_and_reports_fit_their_datagrams
        what_one_parent_ends_the_other_one_still_brings
        whichever_of_two_parents_is_lost_the_picture_goes_on
        a_trunk_that_has_carried_all_the_ssrcs_it_can_begins_a_new_session
        a_short_trunk_is_asked_again_sooner
    }
}
