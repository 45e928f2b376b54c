/* emotions.js - what each of the protocol's 21 emotions, and each state of the call, looks like, as numbers.
 *
 * A pose is a flat record of numbers, so that everything can be eased alike (life.js) and drawn by whoever knows how
 * (vector.js). Lengths are in units of the 320x320 drawing, angles in degrees, the rest is 0 to 1 unless said. L is the
 * figure's eye, brow or hand on the left of the picture. */

export const NEUTRAL = {
  // eyes: how far the upper and the lower lid is closed; slant of the upper lid: > 0 inner end down, as in anger
  lidL: 0.06, lidR: 0.06, lowL: 0, lowR: 0, slant: 0,
  eyeL: 1, eyeR: 1, // size
  white: 0, // 0 a dark bead, 1 white around a small pupil
  heartEyes: 0, squeeze: 0, // hearts, or > < , instead of eyes
  lookX: 0, lookY: 0,
  // brows: height over their rest, tilt > 0 inner end down
  browL: 0, browR: 0, tiltL: 0, tiltR: 0, brow: 0.7,
  // mouth: smile -1..1; skew -1..1 lifts a corner; wave: a squiggle; tongue: put out; kiss: a pout instead
  smile: 0.5, open: 0, width: 1, round: 0, skew: 0, wave: 0, tongue: 0, teeth: 0, kiss: 0,
  cheek: 0.34, heat: 0, chill: 0,
  // the whole: lean > 0 to the right, lift up, squash > 0 flatter; droop of the sprout -0.3 perked up .. 1 hanging
  lean: 0, lift: 0, squash: 0, droop: 0, shake: 0,
  handLx: 62, handLy: 216, handLr: 24, handRx: 258, handRy: 216, handRr: -24,
  // small things that come along
  hearts: 0, joyTears: 0, tear: 0, streams: 0, sweat: 0, anger: 0, steam: 0, glasses: 0, zzz: 0, bubble: 0,
  question: 0, star: 0, sparkles: 0, cup: 0, drool: 0, gloom: 0, exclaim: 0, blush: 0, kissHeart: 0, dots: 0,
};

/** @typedef {typeof NEUTRAL} Pose */

/** Both hands at the hips. @type {Partial<Pose>} */
const AKIMBO = { handLx: 70, handLy: 222, handLr: 62, handRx: 250, handRy: 222, handRr: -62 };

/** @type {Record<string, Partial<Pose>>} */
export const EMOTIONS = {
  neutral: {},
  happy: {
    lowL: 0.3, lowR: 0.3, browL: 7, browR: 7, smile: 1, open: 0.34, width: 1.15, cheek: 0.55, lift: 4, droop: -0.2,
    handLx: 50, handLy: 184, handLr: 60, handRx: 270, handRy: 184, handRr: -60,
  },
  laughing: {
    squeeze: 1, browL: 9, browR: 9, tiltL: 8, tiltR: 8, smile: 1, open: 0.85, width: 1.35, teeth: 1, cheek: 0.6,
    lift: 3, droop: -0.25, shake: 0.7, handLx: 112, handLy: 238, handLr: 20, handRx: 208, handRy: 238, handRr: -20,
  },
  funny: {
    lidL: 0, lidR: 0, lowL: 1, lowR: 1, browL: 6, browR: 10, tiltL: -12, tiltR: -12, smile: 1, open: 0.62, width: 1.3,
    teeth: 1, cheek: 0.6, lean: -9, shake: 0.35, joyTears: 1, droop: -0.1,
    handLx: 128, handLy: 242, handLr: 10, handRx: 272, handRy: 196, handRr: -70,
  },
  sad: {
    lidL: 0.3, lidR: 0.3, slant: -0.55, lookY: 6, browL: 2, browR: 2, tiltL: -20, tiltR: -20, brow: 0.9, smile: -0.75,
    width: 0.8, cheek: 0.2, squash: 0.05, droop: 0.95, lean: -3, tear: 1, handLx: 74, handLy: 232, handRx: 246, handRy: 232,
  },
  angry: {
    lidL: 0.3, lidR: 0.3, lowL: 0.12, lowR: 0.12, slant: 0.8, browL: -13, browR: -13, tiltL: 24, tiltR: 24, brow: 1,
    smile: -0.8, width: 0.85, skew: 0.25, cheek: 0.5, heat: 0.75, squash: 0.03, droop: 0.1, anger: 1, steam: 1, shake: 0.12,
    ...AKIMBO,
  },
  crying: {
    lidL: 1, lidR: 1, lookY: 2, browL: 3, browR: 3, tiltL: -24, tiltR: -24, brow: 0.9, smile: -1, open: 0.66,
    width: 1.15, cheek: 0.5, squash: 0.06, droop: 1, shake: 0.3, streams: 1,
    handLx: 66, handLy: 202, handLr: 50, handRx: 254, handRy: 202, handRr: -50,
  },
  loving: {
    heartEyes: 1, browL: 8, browR: 8, tiltL: -6, tiltR: -6, smile: 1, open: 0.4, width: 1.2, cheek: 0.8, lift: 4,
    droop: -0.2, hearts: 1, handLx: 138, handLy: 236, handLr: 38, handRx: 182, handRy: 236, handRr: -38,
  },
  embarrassed: {
    lidL: 0, lidR: 0, eyeL: 0.86, eyeR: 0.86, lookX: -9, lookY: 4, browL: 6, browR: 6, tiltL: -16, tiltR: -16,
    smile: 0.1, width: 0.75, wave: 0.9, cheek: 0.95, blush: 1, squash: 0.05, lean: 4, droop: 0.55, sweat: 1,
    handLx: 142, handLy: 240, handLr: 30, handRx: 180, handRy: 243, handRr: -30,
  },
  surprised: {
    lidL: 0, lidR: 0, eyeL: 1.2, eyeR: 1.2, browL: 15, browR: 15, brow: 0.9, smile: 0, open: 0.34, width: 0.55, round: 0.9,
    lift: 9, squash: -0.05, droop: -0.3, exclaim: 1, handLx: 52, handLy: 194, handLr: 50, handRx: 268, handRy: 194, handRr: -50,
  },
  shocked: {
    lidL: 0, lidR: 0, eyeL: 1.25, eyeR: 1.25, white: 1, browL: 13, browR: 13, tiltL: -18, tiltR: -18, brow: 1,
    smile: -0.2, open: 0.95, width: 0.72, round: 1, cheek: 0, chill: 0.85, squash: -0.06, droop: -0.3, gloom: 1, shake: 0.5,
    handLx: 92, handLy: 206, handLr: 12, handRx: 228, handRy: 206, handRr: -12,
  },
  thinking: {
    lidL: 0.2, lidR: 0.06, lookX: 8, lookY: -9, browL: -3, browR: 12, tiltL: 8, tiltR: -6, brow: 0.95, smile: 0.05,
    width: 0.62, skew: -0.5, lean: 4, droop: 0.12, dots: 1, handLx: 62, handLy: 220, handRx: 194, handRy: 219, handRr: -34,
  },
  winking: {
    lidL: 0, lowL: 1, lidR: 0, browL: -2, browR: 11, tiltL: 6, tiltR: -8, smile: 0.9, open: 0.2, width: 1.05, skew: -0.45,
    cheek: 0.55, lean: 7, droop: -0.15, star: 1, handRx: 270, handRy: 172, handRr: -76,
  },
  cool: {
    browL: 7, browR: 15, tiltL: 6, tiltR: -10, brow: 0.95, smile: 0.55, width: 1, skew: -0.6, cheek: 0.25, lean: -6,
    lift: 2, droop: -0.1, glasses: 1, ...AKIMBO,
  },
  relaxed: {
    lidL: 1, lidR: 1, browL: 3, browR: 3, tiltL: -8, tiltR: -8, brow: 0.55, smile: 0.75, width: 0.85, cheek: 0.5, squash: 0.03,
    droop: 0.25, cup: 1, handLx: 182, handLy: 243, handLr: 50, handRx: 240, handRy: 243, handRr: -50,
  },
  delicious: {
    lidL: 0, lidR: 0, lowL: 0.92, lowR: 0.92, browL: 6, browR: 6, smile: 0.95, open: 0.14, width: 1.2, tongue: 0.62, cheek: 0.75,
    droop: -0.15, drool: 1, sparkles: 1, lift: 2, handLx: 84, handLy: 206, handLr: 18, handRx: 236, handRy: 206, handRr: -18,
  },
  kissy: {
    lowL: 1, lidL: 0, lidR: 1, lowR: 0, browL: 8, browR: 8, kiss: 1, smile: 0.2, width: 0.4, cheek: 0.85, lean: -8, kissHeart: 1,
    droop: -0.1, handLx: 60, handLy: 214, handRx: 204, handRy: 222, handRr: -24,
  },
  confident: {
    lidL: 0.42, lidR: 0.36, lowL: 0.16, lowR: 0.16, slant: 0.14, lookX: 3, browL: -4, browR: 10, tiltL: 10, tiltR: -6, brow: 1,
    smile: 0.8, width: 1.05, skew: -0.75, cheek: 0.4, lean: 3, lift: 5, squash: -0.03, droop: -0.3, sparkles: 0.6, ...AKIMBO,
  },
  sleepy: {
    lidL: 1, lidR: 1, browL: -1, browR: -1, tiltL: -10, tiltR: -10, brow: 0.45, smile: 0, open: 0.16, width: 0.42, round: 1,
    cheek: 0.4, lean: 8, squash: 0.07, droop: 0.8, zzz: 1, bubble: 1, handLx: 72, handLy: 234, handRx: 246, handRy: 236,
  },
  silly: {
    lidL: 0, eyeL: 1.24, lidR: 0, lowR: 1, white: 0, browL: 14, browR: -2, tiltL: -8, tiltR: 12, smile: 0.95, open: 0.3,
    width: 1.15, tongue: 1, cheek: 0.6, lean: -11, droop: -0.2, shake: 0.15,
    handLx: 40, handLy: 164, handLr: 80, handRx: 280, handRy: 164, handRr: -80,
  },
  confused: {
    lidL: 0, lidR: 0.34, eyeL: 1.14, eyeR: 0.92, lookX: -4, lookY: -5, browL: 13, browR: -5, tiltL: -10, tiltR: 14, brow: 1,
    smile: -0.15, width: 0.85, wave: 1, cheek: 0.25, lean: -7, droop: 0.35, question: 1,
    handRx: 244, handRy: 122, handRr: -120,
  },
};

/** What the protocol calls so. */
export const EMOTION_NAMES = Object.keys(EMOTIONS);

/** How a state changes whatever emotion there is. @type {Record<string, Partial<Pose>>} */
export const STATES = {
  asleep: {
    lidL: 1, lidR: 1, lowL: 0, lowR: 0, brow: 0.25, browL: 0, browR: 0, smile: 0.45, open: 0, width: 0.8, droop: 0.4, squash: 0.035,
    handLx: 72, handLy: 232, handRx: 248, handRy: 232,
  },
  connecting: { lidL: 0.22, lidR: 0.22, smile: 0.35, droop: 0.1 },
  listening: { lidL: 0, lidR: 0, eyeL: 1.08, eyeR: 1.08, browL: 5, browR: 5, lean: 4, droop: -0.25, width: 0.85 },
  reconnecting: { browL: 5, browR: 5, tiltL: -14, tiltR: -14, smile: -0.1, width: 0.75, droop: 0.4 },
  offline: {
    lidL: 0.25, lidR: 0.25, slant: -0.3, browL: 3, browR: 3, tiltL: -16, tiltR: -16, smile: -0.35, droop: 0.7, cheek: 0.15,
  },
};

/** The answer to a hand, by area and event; lasts a moment. @type {Record<string, Partial<Pose>>} */
export const REACTIONS = {
  "Head singlehit": { lidL: 0.1, lidR: 0.1, lookY: -9, browL: 9, browR: 9, smile: 0.7, cheek: 0.5 },
  "Head doublehit": { lidL: 0, lidR: 0, lowL: 1, lowR: 1, browL: 7, browR: 7, smile: 1, open: 0.2, cheek: 0.85, hearts: 0.7 },
  "Head swipe": { lidL: 1, lidR: 1, browL: 4, browR: 4, smile: 1, cheek: 0.85, hearts: 0.45 },
  "Face singlehit": { lidL: 0.7, lidR: 0.7, lowL: 0.3, lowR: 0.3, smile: 0.3, round: 0.5, width: 0.6, cheek: 0.8 },
  "Face doublehit": {
    lidL: 0, lidR: 0, eyeL: 1.18, eyeR: 1.18, browL: 13, browR: 13, open: 0.28, round: 0.8, width: 0.6, exclaim: 1, cheek: 0.7,
  },
  "Face swipe": { lowL: 1, lidL: 0, lidR: 0, browL: 3, browR: 8, smile: 0.9, wave: 0, cheek: 0.95, blush: 1 },
  "Body singlehit": { lowL: 0.4, lowR: 0.4, lookY: 8, browL: 8, browR: 8, smile: 0.8, open: 0.18, cheek: 0.5 },
  "Body doublehit": { squeeze: 1, browL: 9, browR: 9, smile: 1, open: 0.75, width: 1.25, teeth: 1, cheek: 0.7, shake: 0.8 },
  "Body swipe": { lidL: 0, lidR: 0, lowL: 1, lowR: 1, smile: 1, open: 0.5, width: 1.2, cheek: 0.7, shake: 0.6 },
};
