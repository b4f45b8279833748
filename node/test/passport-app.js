'use strict';

// The routes of an application whose users log in by passport: whoever asks is u1.

const passport = require('passport');

// `before(req)`: what /before does beside filling the cart; `me(req)`: what /me tells beside the user and the cart.
function passportApp(app, middlewares, { before = () => {}, me = () => [] } = {}) {
  const authority = new passport.Passport();
  authority.serializeUser((user, done) => done(null, user.id));
  authority.deserializeUser((id, done) => done(null, { id }));
  authority.use('fixed', {
    authenticate() {
      this.success({ id: 'u1' });
    },
  });
  app.use(...middlewares, authority.initialize(), authority.session());
  app.get('/before', (req, res) => {
    req.session.cart = ['a'];
    before(req);
    res.send('ok');
  });
  app.get('/login', authority.authenticate('fixed', { keepSessionInfo: true }), (req, res) => res.send(req.user.id));
  app.get('/fresh-login', authority.authenticate('fixed'), (req, res) => res.send(req.user.id));
  app.get('/me', (req, res) => res.json([req.user?.id ?? null, req.session.cart ?? null, ...me(req)]));
  app.get('/logout', (req, res, next) => req.logout((error) => (error ? next(error) : res.send('out'))));
  return app;
}

module.exports = { passportApp };
