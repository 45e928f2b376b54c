// Pion as a peer: `serve PORT` echoes audio and messages for POST /offer; `serve PORT tcp` over ICE-TCP alone, passive;
// `call URL` expects such an echo.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v3"
	"github.com/pion/webrtc/v3/pkg/media"
)

var opus = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}

// tcp takes what comes by TCP; nil: UDP is used.
var tcp net.Listener

// newPeer uses loopback: the tests send nothing elsewhere.
func newPeer() (*webrtc.PeerConnection, error) {
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	s := webrtc.SettingEngine{}
	s.SetIncludeLoopbackCandidate(true)
	if tcp != nil {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
		s.SetICETCPMux(webrtc.NewICETCPMux(nil, tcp, 64))
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
}

func echoAudio(peer *webrtc.PeerConnection) error {
	out, err := webrtc.NewTrackLocalStaticRTP(opus, "audio", "echo")
	if err != nil {
		return err
	}
	if _, err := peer.AddTrack(out); err != nil {
		return err
	}
	peer.OnTrack(func(in *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := in.ReadRTP()
			if err != nil {
				return
			}
			packet.Extension = false
			packet.Extensions = nil
			_ = out.WriteRTP(packet)
		}
	})
	return nil
}

func answer(w http.ResponseWriter, r *http.Request) {
	var offer webrtc.SessionDescription
	peer, err := newPeer()
	if err == nil {
		err = json.NewDecoder(r.Body).Decode(&offer)
	}
	if err == nil {
		err = echoAudio(peer)
	}
	if err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	peer.OnDataChannel(func(channel *webrtc.DataChannel) {
		channel.OnMessage(func(message webrtc.DataChannelMessage) {
			if message.IsString {
				_ = channel.SendText(string(message.Data))
			} else {
				_ = channel.Send(message.Data)
			}
		})
	})
	if err := peer.SetRemoteDescription(offer); err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	gathered := webrtc.GatheringCompletePromise(peer)
	local, err := peer.CreateAnswer(nil)
	if err == nil {
		err = peer.SetLocalDescription(local)
	}
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	<-gathered
	_ = json.NewEncoder(w).Encode(peer.LocalDescription())
}

func exchange(url string, peer *webrtc.PeerConnection) error {
	gathered := webrtc.GatheringCompletePromise(peer)
	offer, err := peer.CreateOffer(nil)
	if err != nil {
		return err
	}
	if err := peer.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	body, _ := json.Marshal(peer.LocalDescription())
	response, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	var remote webrtc.SessionDescription
	if err := json.Unmarshal(text, &remote); err != nil {
		return fmt.Errorf("answer %d: %s", response.StatusCode, text)
	}
	return peer.SetRemoteDescription(remote)
}

func expect(got chan []byte, want []byte, what string) error {
	select {
	case bytesGot := <-got:
		if !bytes.Equal(bytesGot, want) {
			return errors.New(what + " came back changed")
		}
		return nil
	case <-time.After(10 * time.Second):
		return errors.New(what + " never came back")
	}
}

func call(url string) error {
	peer, err := newPeer()
	if err != nil {
		return err
	}
	var packets int64
	peer.OnTrack(func(in *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := in.ReadRTP(); err != nil {
				return
			}
			atomic.AddInt64(&packets, 1)
		}
	})
	track, _ := webrtc.NewTrackLocalStaticSample(opus, "audio", "tone")
	if _, err := peer.AddTrack(track); err != nil {
		return err
	}
	channel, err := peer.CreateDataChannel("echo", nil)
	if err != nil {
		return err
	}
	got, opened := make(chan []byte, 4), make(chan bool, 1)
	channel.OnOpen(func() { opened <- true })
	channel.OnMessage(func(message webrtc.DataChannelMessage) { got <- message.Data })
	if err := exchange(url, peer); err != nil {
		return err
	}
	select {
	case <-opened:
	case <-time.After(10 * time.Second):
		return errors.New("the data channel never opened")
	}
	_ = channel.SendText("hello")
	if err := expect(got, []byte("hello"), "text"); err != nil {
		return err
	}
	big := make([]byte, 65535) // Pion 3.1 sends at most 65535 bytes
	for i := range big {
		big[i] = byte(i*7 + i/251)
	}
	if err := channel.Send(big); err != nil {
		return err
	}
	if err := expect(got, big, "64 KiB"); err != nil {
		return err
	}
	for i := 0; i < 100; i++ {
		_ = track.WriteSample(media.Sample{Data: []byte{0xf8, 0xff, 0xfe}, Duration: 20 * time.Millisecond})
		time.Sleep(20 * time.Millisecond)
	}
	if n := atomic.LoadInt64(&packets); n < 80 {
		return fmt.Errorf("only %d of 100 packets came back", n)
	}
	fmt.Printf("text, 64 KiB and %d packets of audio came back\n", packets)
	return peer.Close()
}

func main() {
	if os.Args[1] == "serve" {
		if len(os.Args) > 3 {
			tcp, _ = net.Listen("tcp", "127.0.0.1:0")
		}
		http.HandleFunc("/offer", answer)
		fmt.Println("listening")
		fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+os.Args[2], nil))
		os.Exit(1)
	}
	if err := call(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "pion:", err)
		os.Exit(1)
	}
}
