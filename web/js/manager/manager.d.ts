/* manager.d.ts - the types of WebRTCManager; tests/browser/tsconfig.json checks them against manager.js. Times ending in
 * _ms are milliseconds; points of time are on the clock of performance.now(). Words in capitals: docs/manager.md. */

export type Mode = "auto" | "manual" | "realtime";

export interface Answer {
  sdp: string;
  type: "answer";
  sessionId?: string;
  location: string;
  resume?: string;
  resumed?: boolean;
}

export interface Offer {
  sdp: string;
  type: "offer";
  mode?: string;
  macAddress?: string;
  resume?: string;
  /** With `resume`: number of the last message of the conversation that came. */
  heard?: number;
  /** With `resume`: another connection carries the session, and goes on doing so. */
  beside?: boolean;
}

export interface Servers {
  config: RTCConfiguration;
  relay: boolean;
  /** From now; 0: never. */
  expires_ms: number;
}

/** What a connection needs of its signalling. Refusals reject with `Refused` of http.js. */
export interface Signalling {
  servers(signal: AbortSignal): Promise<Servers>;
  offer(offer: Offer, signal: AbortSignal): Promise<Answer>;
  restart(location: string, offer: Offer, signal: AbortSignal): Promise<{ sdp: string }>;
  trickle(location: string, candidates: RTCIceCandidateInit[], end: boolean, signal: AbortSignal): Promise<void>;
  /** Outlives the page. */
  remove(location: string): Promise<void>;
}

export interface ManagerSettings {
  /** Of the gateway; the page's own origin if absent. */
  baseUrl?: string;
  /** Asked anew for each request, e.g. for `Authorization`. */
  headers?: () => Record<string, string> | Promise<Record<string, string>>;
  credentials?: RequestCredentials;
  /** Of the fallback without WebRTC; made from baseUrl if absent. */
  webSocketUrl?: string;
  mode?: Mode;
  /** The device that this caller is to the assistant, "00:11:22:33:44:55"; absent or empty: the gateway makes one up.
   * The offer waits for a promise; one that fails makes the attempt fail. */
  macAddress?: string | Promise<string>;
  /** What differs from the core's defaults, by the names of docs/manager.md "Settings"; `preset: "specification"`. */
  policy?: Record<string, number | boolean | number[] | string>;
  /** Fixed ICE servers; GET /api/ice is then not asked. */
  iceServers?: RTCIceServer[];
  iceTransportPolicy?: RTCIceTransportPolicy;
  /** Another transport for offers, or "manual": createOffer and handleAnswer. */
  signalling?: Signalling | "manual";
  /** Where the core is, or its bytes; beside manager.js if absent. */
  core?: URL | string | BufferSource | WebAssembly.Module;
  /** Plays the answer; made if absent. */
  audio?: HTMLAudioElement;
  /** The first description has a section for a camera already; else it is negotiated when there is one (setCamera). */
  video?: boolean;
  /** Used where RTCPeerConnection is missing, finds no path, or has just lost it (not with `signalling` of one's own):
   * `() => import("./fallback.js")`; in a call it is loaded ahead. The peer is a PeerLike of peer.js. */
  fallback?: () => Promise<{
    createPeer(owner: any, registry: any, settings: ManagerSettings): object;
    fetchAhead?(): void;
  }>;
  /** Of the jitter; random if absent. */
  seed?: number;
}

export interface StateDetail {
  state: string;
  reason: string;
  rung: string;
  attempt: number;
  of: number;
  /** Until the next attempt, when this was told; 0: none is waited for. */
  retryIn_ms: number;
  /** The same as a point of time; 0: none. */
  retryAt_ms: number;
}

export interface Recovery {
  at_ms: number;
  rung: string;
  reason: string;
  took_ms: number;
}

export interface ManagerEvents {
  state: StateDetail;
  turn: { turn: string };
  quality: { level: string; figures: Record<string, number> };
  issues: { issues: string[]; changed: string[] };
  notice: { notice: string };
  clearnotice: Record<string, never>;
  timeline: { phases: Record<string, number>; gateway: Record<string, number> | null };
  recovered: Recovery;
  /** JSON of the data channel, docs/protocol.md. */
  message: { type: string; [member: string]: any };
  track: { stream: MediaStream; track: MediaStreamTrack | null };
  microphone: { state: string };
  /** A text of sendText need not be waited for any more: it arrived, or nobody will say it. */
  text: { text: string; arrived: boolean };
  /** The old answer is no longer heard, or a new one begins. */
  hush: { on: boolean };
  /** The browser holds the sound back until a gesture: call unlock() in one. */
  blocked: { blocked: boolean };
  error: { where: string; message: string };
}

export declare const VERSION: string;

export declare class WebRTCManager extends EventTarget {
  constructor(settings?: ManagerSettings);

  /** Unknown names throw. Returns what unsubscribes. */
  on<Name extends keyof ManagerEvents>(name: Name, heard: (detail: ManagerEvents[Name]) => void): () => void;
  off<Name extends keyof ManagerEvents>(name: Name, heard: (detail: ManagerEvents[Name]) => void): void;

  initialize(): Promise<boolean>;
  prepare(mode?: Mode): Promise<void>;
  connect(mode?: Mode): Promise<boolean>;
  unlock(): void;
  disconnect(): void;
  hangup(): void;
  retry(): void;
  close(): Promise<void>;

  press(): void;
  release(): void;
  cancel(): void;
  interrupt(): void;
  setMode(mode: Mode): void;
  setMuted(muted: boolean): void;
  sendText(text: string): boolean;
  sendData(data: object | string): boolean;
  sendBinary(blob: Blob): Promise<void>;

  setMicrophone(source: string | MediaStreamTrack | null): Promise<void>;
  setCamera(track: MediaStreamTrack | null): Promise<void>;
  readonly filming: boolean;
  addLocalTracks(stream: MediaStream): Promise<void>;
  selectDevice(kind: "audioinput" | "audiooutput", deviceId: string): Promise<boolean>;
  setVolume(volume: number): void;
  readonly microphoneTrack: MediaStreamTrack | null;

  createOffer(): Promise<{ sdp: string; type: "offer" }>;
  handleAnswer(answer: { sdp: string; type?: string }): boolean;

  readonly canTalk: boolean;
  /** sendText takes a text now; it is said as soon as somebody can hear it. */
  readonly canType: boolean;
  readonly held: Record<string, number>;
  getStats(): Promise<{
    at_ms: number;
    interval_ms: number;
    report: Record<string, any>;
    deltas: Record<string, Record<string, number>>;
  } | null>;
  getQualityMetrics(): {
    level: string;
    issues: string[];
    audioLevel: number;
    audioBitrate: number;
    videoBitrate: number;
    packetLoss: number;
    roundTripTime: number;
    [figure: string]: unknown;
  };
  getPerformanceSummary(): {
    phases: Record<string, number>;
    gateway: Record<string, number> | null;
    counts: Record<string, number>;
    recoveries: Recovery[];
    connectionDuration_ms: number;
  };
  getConnectionInfo(): StateDetail & {
    turn: string;
    canTalk: boolean;
    canType: boolean;
    mode: Mode;
    muted: boolean;
    hushed: boolean;
    microphone: string;
    route: string;
    /** The fallback carries the call until `route` does again. */
    bridged: boolean;
    connectionState: string;
    iceConnectionState: string;
    iceGatheringState: string;
    dataChannelState: string;
    isConnected: boolean;
    isConnecting: boolean;
    retryCount: number;
    hasLocalStream: boolean;
    hasRemoteStream: boolean;
  };
  diagnostics(): object;
}
